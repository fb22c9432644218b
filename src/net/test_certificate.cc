#include "net/test_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace cove::net {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;
constexpr long kHour = 3600;

Key NewKey() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

void AddExtension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return;
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

Cert NewCert(const char* name, long serial, EVP_PKEY* key) {
  Cert cert(X509_new(), &X509_free);
  X509_set_version(cert.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), kHour);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_pubkey(cert.get(), key);
  return cert;
}

template <class Write>
std::string Pem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string out(text, static_cast<size_t>(size));
  BIO_free(bio);
  return out;
}

}  // namespace

TestCertificate MakeTestCertificate(const std::string& alt_name) {
  const Key ca_key = NewKey();
  const Cert ca = NewCert("Test authority", 1, ca_key.get());
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  AddExtension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(ca.get(), ca_key.get(), EVP_sha256());

  const Key key = NewKey();
  const Cert cert = NewCert("Test server", 2, key.get());
  X509_set_issuer_name(cert.get(), X509_get_subject_name(ca.get()));
  AddExtension(cert.get(), ca.get(), NID_subject_alt_name, alt_name);
  X509_sign(cert.get(), ca_key.get(), EVP_sha256());

  return {Pem([&](BIO* bio) { PEM_write_bio_X509(bio, ca.get()); }),
          Pem([&](BIO* bio) { PEM_write_bio_X509(bio, cert.get()); }), Pem([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace cove::net
