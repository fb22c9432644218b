#include "codec/utf8.h"

namespace cove::codec {

bool Utf8Checker::Feed(std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (!ok_) return false;
    if (missing_ != 0) {
      ok_ = byte >= low_ && byte <= high_;
      --missing_;
      low_ = 0x80;
      high_ = 0xbf;
    } else if (byte >= 0x80) {
      // The second byte's bounds keep out overlong forms, surrogates and what is over U+10FFFF.
      if (byte >= 0xc2 && byte <= 0xdf) {
        missing_ = 1;
      } else if (byte >= 0xe0 && byte <= 0xef) {
        missing_ = 2;
        if (byte == 0xe0) low_ = 0xa0;
        if (byte == 0xed) high_ = 0x9f;
      } else if (byte >= 0xf0 && byte <= 0xf4) {
        missing_ = 3;
        if (byte == 0xf0) low_ = 0x90;
        if (byte == 0xf4) high_ = 0x8f;
      } else {
        ok_ = false;
      }
    }
  }
  return ok_;
}

}  // namespace cove::codec
