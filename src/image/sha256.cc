#include "image/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cstdlib>

#include "base/text.h"

namespace cove::image {
namespace {
EVP_MD_CTX* Get(void* context) { return static_cast<EVP_MD_CTX*>(context); }
}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  // Fails only without memory or with a crippled OpenSSL: nothing could be addressed then.
  if (context_ == nullptr || EVP_DigestInit_ex(Get(context_), EVP_sha256(), nullptr) != 1) {
    std::abort();
  }
}

Sha256::~Sha256() { EVP_MD_CTX_free(Get(context_)); }

void Sha256::Update(std::string_view bytes) {
  if (EVP_DigestUpdate(Get(context_), bytes.data(), bytes.size()) != 1) std::abort();
}

std::string Sha256::Hex() {
  std::array<std::byte, 32> digest{};
  unsigned size = 0;
  auto* out = reinterpret_cast<unsigned char*>(digest.data());
  if (EVP_DigestFinal_ex(Get(context_), out, &size) != 1) std::abort();
  return ToHex(digest);
}

}  // namespace cove::image
