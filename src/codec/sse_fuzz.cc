// Fuzz target: any bytes as an event stream; whole and byte by byte must give the same events.
#include <cstdlib>

#include "codec/sse.h"

namespace {

std::string Parse(std::string_view text, size_t step) {
  std::string out;
  cove::codec::SseParser parser(
      [&out](const cove::codec::SseEvent& e) {
        out.append(e.type).append("|").append(e.data).append("|").append(e.id).append(";");
      },
      4096);
  for (size_t at = 0; at < text.size(); at += step) parser.Feed(text.substr(at, step));
  parser.End();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (Parse(text, size + 1) != Parse(text, 1)) std::abort();
  return 0;
}
