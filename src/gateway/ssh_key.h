// Ed25519 keys of SSH (RFC 8709): the one kind that is signed with and that hosts prove themselves
// by. Thread: values.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::gateway {

inline constexpr std::string_view kSshEd25519 = "ssh-ed25519";

class SshKey {
 public:
  // OpenSSH's own format, without a passphrase ("-----BEGIN OPENSSH PRIVATE KEY-----"). The error
  // says what is wrong and nothing of the key.
  static Result<SshKey> Parse(std::string_view pem);
  ~SshKey();
  SshKey(const SshKey&) = default;
  SshKey& operator=(const SshKey&) = default;

  const std::string& public_blob() const { return public_blob_; }
  // The signature's blob: its kind and its bytes.
  Result<std::string> Sign(std::string_view data) const;

 private:
  static constexpr size_t kSeedBytes = 32;
  SshKey() = default;
  std::array<unsigned char, kSeedBytes> seed_{};
  std::string public_blob_;
};

// Whether `signature` (a blob) over `data` is of the key whose public blob that is.
bool SshVerify(std::string_view public_blob, std::string_view data, std::string_view signature);

}  // namespace cove::gateway
