#include "gateway/ssh_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "codec/base64.h"
#include "gateway/ssh_wire.h"

namespace cove::gateway {
namespace {

constexpr size_t kPublicBytes = 32;
constexpr size_t kSignatureBytes = 64;
constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* Raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Error Bad(std::string_view why) {
  return Error(Code::kInvalid,
               "the value is no key that can be used: " + std::string(why) +
                   ". Give the whole file that `ssh-keygen -t ed25519 -N ''` makes");
}

Result<std::string> Unwrap(std::string_view pem) {
  const size_t begin = pem.find(kBegin);
  const size_t end = pem.find(kEnd);
  if (begin == pem.npos || end == pem.npos || end < begin) return Bad("its frame is missing");
  std::string text(pem.substr(begin + kBegin.size(), end - begin - kBegin.size()));
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  auto bytes = codec::DecodeBase64(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (!bytes) return Bad("it is not base64");
  return *std::move(bytes);
}

}  // namespace

// Source: OpenSSH's PROTOCOL.key.
Result<SshKey> SshKey::Parse(std::string_view pem) {
  ASSIGN_OR_RETURN(std::string bytes, Unwrap(pem));
  SshReader outer(bytes);
  outer.Take(std::string_view("openssh-key-v1\0", 15));
  const std::string_view cipher = outer.Text();
  const std::string_view kdf = outer.Text();
  outer.Text();
  const uint32_t keys = outer.Number();
  const std::string_view blob = outer.Text();
  SshReader inner(outer.Text());
  if (!outer.Complete() || keys != 1) return Bad("it is damaged");
  if (cipher != "none" || kdf != "none") return Bad("it has a passphrase");
  const uint32_t check = inner.Number();
  const bool same = inner.Number() == check;
  if (inner.Text() != kSshEd25519) return Bad("it is not Ed25519");
  const std::string_view public_key = inner.Text();
  const std::string_view private_key = inner.Text();
  const bool sound = same && !inner.failed() && public_key.size() == kPublicBytes &&
                     private_key.size() == kSeedBytes + kPublicBytes &&
                     private_key.substr(kSeedBytes) == public_key &&
                     blob == SshText(kSshEd25519) + SshText(public_key);
  SshKey out;
  if (sound) {
    std::copy_n(Raw(private_key), kSeedBytes, out.seed_.begin());
    out.public_blob_ = std::string(blob);
  }
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!sound) return Bad("it is damaged");
  return out;
}

SshKey::~SshKey() { OPENSSL_cleanse(seed_.data(), seed_.size()); }

Result<std::string> SshKey::Sign(std::string_view data) const {
  const KeyPtr key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()),
      EVP_PKEY_free);
  const DigestPtr digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string out(kSignatureBytes, '\0');
  size_t size = out.size();
  const bool done = key != nullptr && digest != nullptr &&
                    EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                    EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(out.data()),
                                   &size, Raw(data), data.size()) == 1 &&
                    size == kSignatureBytes;
  if (!done) return Error(Code::kInternal, "Ed25519 failed");
  return SshText(kSshEd25519) + SshText(out);
}

bool SshVerify(std::string_view public_blob, std::string_view data, std::string_view signature) {
  SshReader key_reader(public_blob);
  const bool ours = key_reader.Text() == kSshEd25519;
  const std::string_view public_key = key_reader.Text();
  SshReader reader(signature);
  const bool same_kind = reader.Text() == kSshEd25519;
  const std::string_view bytes = reader.Text();
  if (!ours || !same_kind || !key_reader.Complete() || !reader.Complete() ||
      public_key.size() != kPublicBytes || bytes.size() != kSignatureBytes) {
    return false;
  }
  const KeyPtr key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Raw(public_key), public_key.size()),
      EVP_PKEY_free);
  const DigestPtr digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key != nullptr && digest != nullptr &&
         EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(digest.get(), Raw(bytes), bytes.size(), Raw(data), data.size()) == 1;
}

}  // namespace cove::gateway
