// Utf8Checker: whether bytes that come in pieces are UTF-8 (RFC 3629: shortest form, no
// surrogates, at most U+10FFFF). Thread: a value.
#pragma once

#include <cstdint>
#include <string_view>

namespace cove::codec {

class Utf8Checker {
 public:
  // False once something is not UTF-8; then for ever.
  bool Feed(std::string_view bytes);
  // Whether no character is open.
  bool complete() const { return ok_ && missing_ == 0; }
  void Reset() { *this = Utf8Checker(); }

 private:
  bool ok_ = true;
  int missing_ = 0;     // continuation bytes of the open character
  uint8_t low_ = 0x80;  // bounds of the next continuation byte
  uint8_t high_ = 0xbf;
};

inline bool IsUtf8(std::string_view text) {
  Utf8Checker checker;
  return checker.Feed(text) && checker.complete();
}

}  // namespace cove::codec
