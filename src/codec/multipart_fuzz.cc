// Fuzz target: any bytes as a form with the boundary "B"; whole and byte by byte must agree.
#include <cstdlib>

#include "codec/multipart.h"

namespace {

using cove::codec::MultipartParser;

std::string Parse(std::string_view text, size_t step) {
  MultipartParser parser("B", 8);
  std::string out;
  for (size_t at = 0; at < text.size(); at += step) {
    std::string_view piece = text.substr(at, step);
    for (;;) {
      const auto event = parser.Next(&piece);
      if (!event) return out + "<bad>";
      if (*event == MultipartParser::Event::kEnd) return out + "<end>";
      if (*event == MultipartParser::Event::kNeedMore) break;
      if (*event == MultipartParser::Event::kPart) out += "<part>" + parser.part().name;
      if (*event == MultipartParser::Event::kData) out += parser.data();
      if (*event == MultipartParser::Event::kPartEnd) out += "</part>";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string whole = Parse(text, size + 1);
  const std::string bytes = Parse(text, 1);
  // Content that may be the beginning of a boundary is given out at the next bytes only, and a
  // refusal is seen as early as possible: of an unfinished form one may have seen more.
  const bool finished = whole.ends_with("<end>") || bytes.ends_with("<end>");
  if (finished && whole != bytes) std::abort();
  return 0;
}
