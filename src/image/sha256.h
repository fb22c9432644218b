// SHA-256 over a stream of bytes (FIPS 180-4), by OpenSSL. Thread: a value, one owner.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cove::image {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // 64 hex digits. Call once, last.
  std::string Hex();

 private:
  void* context_;  // EVP_MD_CTX
};

}  // namespace cove::image
