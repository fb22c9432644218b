// For tests: a certificate authority and certificates by it, made afresh with OpenSSL.
#pragma once

#include <string>

namespace cove::net {

struct TestCertificate {
  std::string ca_pem;
  std::string cert_pem;
  std::string key_pem;
};

// `alt_name` as in openssl.cnf: "DNS:example.test" or "IP:127.0.0.1".
TestCertificate MakeTestCertificate(const std::string& alt_name);

}  // namespace cove::net
