#include "image/java_trust.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>

namespace cove::image {
namespace {

constexpr uint32_t kMagic = 0xfeedfeed;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kTrustedCertificate = 2;  // the kind of an entry
constexpr std::string_view kPassword = "changeit";
constexpr std::string_view kSalt = "Mighty Aphrodite";  // sun.security.provider.JavaKeyStore

struct FreeX509 {
  void operator()(X509* cert) const { X509_free(cert); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

// Numbers are big-endian, texts have their length before them (java.io.DataOutput).
void PutNumber(std::string& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
void PutText(std::string& out, std::string_view text) {
  PutNumber(out, text.size(), 2);
  out += text;
}

std::string Digest(std::string_view store) {
  std::string keyed;
  for (const char c : kPassword) keyed += std::string{'\0', c};
  keyed += kSalt;
  keyed += store;
  std::string out(SHA_DIGEST_LENGTH, '\0');
  SHA1(reinterpret_cast<const unsigned char*>(keyed.data()), keyed.size(),
       reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

}  // namespace

std::vector<std::string> CertificatesOf(std::string_view pem) {
  std::vector<std::string> out;
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  // Each by itself, so that a broken one does not hide those behind it.
  for (size_t at = pem.find(kBegin); at != std::string_view::npos;) {
    const size_t next = pem.find(kBegin, at + kBegin.size());
    const std::string_view one = pem.substr(at, next == std::string_view::npos ? next : next - at);
    at = next;
    const std::unique_ptr<BIO, FreeBio> bio(
        BIO_new_mem_buf(one.data(), static_cast<int>(one.size())));
    const std::unique_ptr<X509, FreeX509> cert(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (cert == nullptr) continue;
    std::string der(static_cast<size_t>(i2d_X509(cert.get(), nullptr)), '\0');
    auto* to = reinterpret_cast<unsigned char*>(der.data());
    i2d_X509(cert.get(), &to);
    out.push_back(std::move(der));
  }
  ERR_clear_error();
  return out;
}

std::string JavaTrustStore(const std::vector<std::string>& certificates) {
  std::string out;
  PutNumber(out, kMagic, 4);
  PutNumber(out, kVersion, 4);
  PutNumber(out, certificates.size(), 4);
  int number = 0;
  for (const std::string& der : certificates) {
    PutNumber(out, kTrustedCertificate, 4);
    PutText(out, "trusted-" + std::to_string(++number));
    PutNumber(out, 0, 8);  // when it was added: the content is part of an image's identity
    PutText(out, "X.509");
    PutNumber(out, der.size(), 4);
    out += der;
  }
  return out + Digest(out);
}

}  // namespace cove::image
