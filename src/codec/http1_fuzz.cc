// Fuzz target: any bytes as requests or responses, one after another. What is decoded must be the
// same whole and cut in two, and what was accepted as a head must be writable again.
#include <cstdlib>

#include "codec/http1.h"

namespace cove::codec {
namespace {

void DecodeBody(Http1BodyDecoder decoder, std::string_view* in, std::string* out) {
  while (!in->empty() && !decoder.done()) {
    const auto data = decoder.Next(in, 7);
    if (!data) {
      *out += "<bad body>";
      *in = {};
      return;
    }
    *out += *data;
  }
  *out += decoder.done() ? "<end>" : "";
}

void CheckWritable(const Http1Head& head, Http1HeadParser::Kind kind) {
  auto writer = kind == Http1HeadParser::Kind::kRequest
                    ? Http1HeadWriter::Request(head.method, head.target)
                    : Http1HeadWriter::Response(head.status, "");
  for (const auto& field : head.fields) writer.Field(field.name, field.value);
  if (!writer.Finish()) std::abort();
}

// The head arrives in two pieces; the body follows in 7-byte steps.
std::string Decode(Http1HeadParser::Kind kind, std::string_view text, size_t cut) {
  std::string out;
  Http1HeadParser parser(kind, {2048, 16});
  std::string_view first = text.substr(0, cut);
  std::string_view rest = text.substr(cut);
  auto done = parser.Next(&first);
  if (done && !*done) done = parser.Next(&rest);
  if (!done) return "<bad head>";
  if (!*done) return "<more>";
  const Http1Head& head = parser.head();
  CheckWritable(head, kind);
  for (const auto& field : head.fields) out.append(field.name).append("=").append(field.value);
  const auto decoder = kind == Http1HeadParser::Kind::kRequest
                           ? Http1BodyDecoder::OfRequest(head)
                           : Http1BodyDecoder::OfResponse(head, "GET");
  std::string left = std::string(first) + std::string(rest);
  std::string_view in = left;
  DecodeBody(decoder, &in, &out);
  return out;
}

}  // namespace
}  // namespace cove::codec

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cove::codec::Decode;
  using Kind = cove::codec::Http1HeadParser::Kind;
  if (size < 2) return 0;
  const Kind kind = (data[0] & 1) != 0 ? Kind::kRequest : Kind::kResponse;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t cut = text.empty() ? 0 : data[1] % text.size();
  if (Decode(kind, text, 0) != Decode(kind, text, cut)) std::abort();
  return 0;
}
