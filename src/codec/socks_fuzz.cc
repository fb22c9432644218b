// Fuzz target: any bytes as a SOCKS5 client. What is understood must be the same whole and byte by
// byte, and nothing behind the request may be taken.
#include <cstddef>
#include <cstdlib>

#include "codec/socks.h"

namespace {

std::string Read(std::string_view text, size_t step) {
  using cove::codec::SocksParser;
  SocksParser parser;
  std::string_view rest;
  for (;;) {
    if (rest.empty()) {
      rest = text.substr(0, step);
      text.remove_prefix(rest.size());
    }
    const auto state = parser.Next(&rest);
    const bool waits =
        state == SocksParser::State::kGreeting || state == SocksParser::State::kRequest;
    if (state == SocksParser::State::kGreeted || (waits && !text.empty())) continue;
    const auto& request = parser.request();
    return std::to_string(static_cast<int>(state)) + request.name + ":" +
           std::to_string(request.port) + ":" + std::to_string(rest.size() + text.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (Read(text, SIZE_MAX) != Read(text, 1)) std::abort();
  return 0;
}
