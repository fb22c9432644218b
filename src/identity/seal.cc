#include "identity/seal.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/durable_file.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace cove::identity {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

using Bytes = std::vector<unsigned char>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<Bytes> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const auto byte = ParseInt<unsigned char>(hex.substr(i, 2), 16);
    if (!byte) return std::nullopt;
    out.push_back(*byte);
  }
  return out;
}

Result<std::string> ReadKeyText(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return Error(Code::kNotFound, file + " is missing");
  if (!fd) return Error::FromErrno("open " + file);
  char buffer[256];
  ssize_t n = 0;
  do {
    n = ::read(fd.get(), buffer, sizeof buffer);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return Error::FromErrno("read " + file);
  std::string text(Trim(std::string_view(buffer, static_cast<size_t>(n))));
  OPENSSL_cleanse(buffer, sizeof buffer);
  return text;
}

Error Failed() { return Error(Code::kInternal, "AES-256-GCM failed"); }

}  // namespace

Result<Seal> Seal::Open(const std::string& file, IfMissing if_missing) {
  auto text = ReadKeyText(file);
  if (!text && text.error().code() == Code::kNotFound && if_missing == IfMissing::kMake) {
    std::string made = RandomHex(kKeyBytes);
    RETURN_IF_ERROR(WriteDurably(file, made + "\n", 0600));
    text = std::move(made);
  }
  if (!text) return std::move(text).error();
  const auto bytes = FromHex(*text);
  OPENSSL_cleanse(text->data(), text->size());
  if (!bytes || bytes->size() != kKeyBytes) {
    return Error(Code::kInvalid, file + " holds no key: put the right file back");
  }
  Key key;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return Seal(key);
}

Seal::~Seal() { OPENSSL_cleanse(key_.data(), key_.size()); }

Result<std::string> Seal::Close(std::string_view text, std::string_view place) const {
  Bytes out(kNonceBytes + text.size() + kTagBytes);
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  unsigned char* const nonce = out.data();
  unsigned char* const body = nonce + kNonceBytes;
  int n = 0;
  const bool done =
      context != nullptr && RAND_bytes(nonce, kNonceBytes) == 1 &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &n, Raw(place), static_cast<int>(place.size())) ==
          1 &&
      EVP_EncryptUpdate(context.get(), body, &n, Raw(text), static_cast<int>(text.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), body + n, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, body + text.size()) == 1;
  if (!done) return Failed();
  return ToHex(std::as_bytes(std::span(out)));
}

Result<std::string> Seal::Break(std::string_view sealed, std::string_view place) const {
  auto in = FromHex(sealed);
  if (!in || in->size() < kNonceBytes + kTagBytes) {
    return Error(Code::kInvalid, "the sealed text is damaged");
  }
  const size_t size = in->size() - kNonceBytes - kTagBytes;
  std::string out(size, '\0');
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  unsigned char* const nonce = in->data();
  unsigned char* const body = nonce + kNonceBytes;
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  int n = 0;
  const bool ready =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &n, Raw(place), static_cast<int>(place.size())) ==
          1 &&
      EVP_DecryptUpdate(context.get(), to, &n, body, static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, body + size) == 1;
  if (!ready) return Failed();
  if (EVP_DecryptFinal_ex(context.get(), to + n, &n) != 1) {
    OPENSSL_cleanse(out.data(), out.size());
    return Error(Code::kInvalid, "the sealed text was changed, or the key is another one");
  }
  return out;
}

}  // namespace cove::identity
