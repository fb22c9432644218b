#include "gateway/authority.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/durable_file.h"
#include "base/unique_fd.h"

namespace cove::gateway {
namespace {

constexpr long kDay = 24 * 60 * 60;
constexpr long kRootDays = 3650;
constexpr long kIntermediateDays = 30;
constexpr long kLeafDays = 1;
constexpr size_t kLeavesMax = 256;
constexpr size_t kNameMax = 60;  // of a common name (X.520 allows 64)

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;
struct CertFree {
  void operator()(X509* cert) const { X509_free(cert); }
};
using Cert = std::unique_ptr<X509, CertFree>;
struct BioFree {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, BioFree>;

Error Failed(std::string_view what) {
  return {Code::kInternal, "certificates: cannot " + std::string(what)};
}

std::string TextOf(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<size_t>(size)};
}

std::string PemOf(X509* cert) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), cert);
  return TextOf(bio.get());
}

std::string PemOf(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return TextOf(bio.get());
}

bool Extend(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool SetSerial(X509* cert) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7f;  // positive
  BIGNUM* number = BN_bin2bn(bytes, sizeof bytes, nullptr);
  const bool set = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
  BN_free(number);
  return set;
}

// Valid from a day ago: clocks inside and outside may differ after a pause.
Cert NewCert(const std::string& name, EVP_PKEY* key, long days) {
  Cert cert(X509_new());
  if (cert == nullptr || !SetSerial(cert.get())) return nullptr;
  X509_set_version(cert.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), (days + 1) * kDay);
  const std::string common = name.substr(0, kNameMax);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_pubkey(cert.get(), key);
  return cert;
}

std::string ReadIfThere(const std::string& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

struct Issuer {
  Key key;
  Cert cert;
};

namespace {

Result<std::unique_ptr<Issuer>> NewIssuer(const std::string& name, const Issuer* by, long days) {
  auto made = std::make_unique<Issuer>();
  made->key.reset(EVP_EC_gen("P-256"));
  if (made->key == nullptr) return Failed("make a key");
  made->cert = NewCert(name, made->key.get(), days);
  if (made->cert == nullptr) return Failed("make a certificate");
  X509* const cert = made->cert.get();
  X509* const issuer = by != nullptr ? by->cert.get() : cert;
  X509_set_issuer_name(cert, X509_get_subject_name(issuer));
  const bool sound =
      Extend(cert, issuer, NID_basic_constraints,
             by != nullptr ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE,pathlen:1") &&
      Extend(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      Extend(cert, issuer, NID_subject_key_identifier, "hash") &&
      Extend(cert, issuer, NID_authority_key_identifier, "keyid:always");
  EVP_PKEY* const signer = by != nullptr ? by->key.get() : made->key.get();
  if (!sound || X509_sign(cert, signer, EVP_sha256()) == 0) return Failed("sign a certificate");
  return made;
}

Result<std::shared_ptr<net::TlsContext>> MakeLeaf(const Issuer& by, const std::string& host) {
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("make a key");
  const Cert cert = NewCert(host, key.get(), kLeafDays);
  if (cert == nullptr) return Failed("make a certificate");
  X509_set_issuer_name(cert.get(), X509_get_subject_name(by.cert.get()));
  // `host` is canonical, so it cannot hold what would mean something to this little language.
  const bool sound =
      Extend(cert.get(), by.cert.get(), NID_subject_alt_name, "DNS:" + host) &&
      Extend(cert.get(), by.cert.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      Extend(cert.get(), by.cert.get(), NID_key_usage, "critical,digitalSignature") &&
      Extend(cert.get(), by.cert.get(), NID_ext_key_usage, "serverAuth") &&
      Extend(cert.get(), by.cert.get(), NID_authority_key_identifier, "keyid:always");
  if (!sound || X509_sign(cert.get(), by.key.get(), EVP_sha256()) == 0) {
    return Failed("sign a certificate for " + host);
  }
  return net::TlsContext::MakeServer(PemOf(cert.get()) + PemOf(by.cert.get()), PemOf(key.get()));
}

Result<std::unique_ptr<Issuer>> ReadRoot(const std::string& pem, const std::string& key_pem) {
  auto read = std::make_unique<Issuer>();
  const Bio cert(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  read->cert.reset(PEM_read_bio_X509(cert.get(), nullptr, nullptr, nullptr));
  const Bio key(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  read->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  if (read->cert == nullptr || read->key == nullptr ||
      X509_check_private_key(read->cert.get(), read->key.get()) != 1) {
    return Error(Code::kInvalid,
                 "ca.pem and ca.key are no certificate and its key; remove both to have new ones "
                 "made (sandboxes that trust the old one must then be made anew)");
  }
  return read;
}

}  // namespace

Authority::Authority(std::unique_ptr<Issuer> root, std::string pem)
    : root_(std::move(root)), root_pem_(std::move(pem)) {}
Authority::~Authority() = default;

Result<std::unique_ptr<Authority>> Authority::Open(const std::string& directory) {
  const std::string cert_path = directory + "/ca.pem";
  const std::string key_path = directory + "/ca.key";
  std::string pem = ReadIfThere(cert_path);
  if (!pem.empty()) {
    ASSIGN_OR_RETURN(auto root, ReadRoot(pem, ReadIfThere(key_path)));
    return std::unique_ptr<Authority>(new Authority(std::move(root), std::move(pem)));
  }
  ASSIGN_OR_RETURN(auto root, NewIssuer("Cove sandboxes", nullptr, kRootDays));
  pem = PemOf(root->cert.get());
  // The certificate comes last: with it the pair is complete.
  RETURN_IF_ERROR(WriteDurably(key_path, PemOf(root->key.get()), 0600));
  RETURN_IF_ERROR(WriteDurably(cert_path, pem, 0644));
  return std::unique_ptr<Authority>(new Authority(std::move(root), std::move(pem)));
}

SandboxCertificates::SandboxCertificates(const Authority& authority, std::string name)
    : authority_(authority), name_(std::move(name)) {}
SandboxCertificates::~SandboxCertificates() = default;

Result<void> SandboxCertificates::MakeIntermediate() {
  if (intermediate_ != nullptr && Now() < renew_intermediate_) return Ok();
  ASSIGN_OR_RETURN(intermediate_,
                   NewIssuer("Cove sandbox " + name_, &authority_.root(), kIntermediateDays));
  renew_intermediate_ = Now() + seconds(kIntermediateDays * kDay / 2);
  return Ok();
}

Result<std::shared_ptr<net::TlsContext>> SandboxCertificates::ContextFor(const std::string& host) {
  if (const auto found = by_host_.find(host); found != by_host_.end()) {
    if (Now() < found->second->renew) {
      leaves_.splice(leaves_.begin(), leaves_, found->second);
      return leaves_.front().context;
    }
    leaves_.erase(found->second);
    by_host_.erase(found);
  }
  RETURN_IF_ERROR(MakeIntermediate());
  ASSIGN_OR_RETURN(auto context, MakeLeaf(*intermediate_, host));
  leaves_.push_front({host, context, Now() + seconds(kLeafDays * kDay / 2)});
  by_host_[host] = leaves_.begin();
  if (leaves_.size() > kLeavesMax) {
    by_host_.erase(leaves_.back().host);
    leaves_.pop_back();
  }
  return context;
}

}  // namespace cove::gateway
