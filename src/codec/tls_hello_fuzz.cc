// Fuzz target: any bytes as the start of a TLS connection; whole and byte by byte must agree.
#include <cstdlib>

#include "codec/tls_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Parser = cove::codec::ClientHelloParser;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Parser whole;
  Parser pieces;
  whole.Feed(bytes);
  for (const char c : bytes) pieces.Feed(std::string_view(&c, 1));
  if (whole.state() == Parser::State::kDone && pieces.state() == Parser::State::kDone &&
      whole.hello().server_name != pieces.hello().server_name) {
    std::abort();
  }
  if ((whole.state() == Parser::State::kDone) != (pieces.state() == Parser::State::kDone)) {
    std::abort();
  }
  return 0;
}
