// Fuzz target: any bytes as frames; the same items must come out whole and byte by byte, and no
// item may be over the limit.
#include <cstdlib>

#include "codec/websocket.h"

namespace {

using namespace cove::codec;

constexpr size_t kMax = 512;

std::string Decode(WsDecoder::End end, std::string_view text, size_t step) {
  WsDecoder decoder(end, kMax);
  std::string out;
  for (size_t at = 0; at < text.size(); at += step) {
    std::string_view piece = text.substr(at, step);
    do {
      const auto whole = decoder.Next(&piece);
      if (!whole) return out + "<bad " + std::to_string(decoder.error_code());
      if (!*whole) continue;
      if (decoder.item().data.size() > kMax) std::abort();
      out += static_cast<char>(decoder.item().opcode);
      out += decoder.item().data;
    } while (!piece.empty());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const auto end = (data[0] & 1) != 0 ? WsDecoder::End::kServer : WsDecoder::End::kClient;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (Decode(end, text, size) != Decode(end, text, 1)) std::abort();
  return 0;
}
