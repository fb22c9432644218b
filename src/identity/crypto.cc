#include "identity/crypto.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>
#include <span>

#include "base/text.h"

namespace cove::identity {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string Sha256Hex(std::string_view text) {
  Digest digest{};
  SHA256(Bytes(text), text.size(), digest.data());
  return ToHex(std::as_bytes(std::span(digest)));
}

std::string Hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(),
       digest.data(), &size);
  return {digest.begin(), digest.end()};
}

std::string HmacHex(std::string_view key, std::string_view text) {
  const std::string digest = Hmac(key, text);
  return ToHex(std::as_bytes(std::span(digest)));
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomLabel(size_t n) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const std::string hex = RandomHex(n);
  std::string out;
  for (size_t i = 0; i < n; ++i) {
    out.push_back(kAlphabet[*ParseInt<unsigned>(hex.substr(2 * i, 2), 16) % kAlphabet.size()]);
  }
  return out;
}

}  // namespace cove::identity
