// The few primitives that identity needs, over OpenSSL. Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace cove::identity {

std::string Sha256Hex(std::string_view text);
// HMAC-SHA-256: its 32 bytes, and the same as 64 hex digits.
std::string Hmac(std::string_view key, std::string_view text);
std::string HmacHex(std::string_view key, std::string_view text);
// Takes the same time wherever they differ (the lengths are no secret).
bool ConstantTimeEquals(std::string_view a, std::string_view b);
// `n` random characters of [a-z2-7], 5 bits each: fit for a host label.
std::string RandomLabel(size_t n);

}  // namespace cove::identity
