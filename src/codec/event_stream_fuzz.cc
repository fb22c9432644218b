// Fuzz target: any bytes as an event stream, whole and byte by byte the same. The checksums are
// made right first, for a fuzzer does not guess them.
#include <cstdlib>

#include "codec/event_stream.h"

namespace {

void Put(std::string& text, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) text[at + i] = static_cast<char>(value >> (24 - 8 * i));
}

uint32_t Get(const std::string& text, size_t at) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<uint8_t>(text[at + i]);
  return out;
}

void Mend(std::string& text) {
  for (size_t at = 0; at + 16 <= text.size();) {
    const std::string_view all = text;
    const size_t total = Get(text, at);
    Put(text, at + 8, cove::codec::Crc32(all.substr(at, 8)));
    if (total < 16 || total > text.size() - at) return;
    Put(text, at + total - 4, cove::codec::Crc32(all.substr(at, total - 4)));
    at += total;
  }
}

std::string Read(std::string_view text, size_t step) {
  std::string out;
  cove::codec::EventStream reader(
      [&](const cove::codec::StreamMessage& m) {
        out.append(m.message_type).append("|").append(m.event_type).append("|");
        out.append(m.exception_type).append("|").append(m.payload).append(";");
      },
      512);
  for (size_t at = 0; at < text.size(); at += step) reader.Feed(text.substr(at, step));
  return out + (reader.failed() ? "failed" : reader.at_boundary() ? "end" : "open");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  if (Read(text, size + 1) != Read(text, 1)) std::abort();
  Mend(text);
  if (Read(text, size + 1) != Read(text, 1)) std::abort();
  return 0;
}
