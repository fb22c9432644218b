// Goal: Java finds the certificates of a bundle in the store that is made of it. Method: the store
// read back by the rules of its format; tests/e2e/tools.test.mjs has a real Java read one.
#include "image/java_trust.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>

namespace cove::image {
namespace {

constexpr std::string_view kPem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbDCCAROgAwIBAgIUAYagR+49O9kz/10JwMq74s4ChRowCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBdDAeFw0yNjExMjExODAyMzdaFw0zNjExMTgxODAyMzdaMAwx\n"
    "CjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQF9+nIfvJHWyQK\n"
    "bSzXZx3SSP5HvFoie6Rvutr6RxFwFtqZ1GSuklcwBi+iP1kzAlEiMkTKlz8PQnYf\n"
    "3Iojxgtlo1MwUTAdBgNVHQ4EFgQUftXaKXet6L0PgTXCAz378EqRb+8wHwYDVR0j\n"
    "BBgwFoAUftXaKXet6L0PgTXCAz378EqRb+8wDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNHADBEAiAEMuGF/vO+sD7vksjoz4fllIYQssQnz0czSN/FWDRh7QIg\n"
    "HOl3vijr4YlYttpoq2lgFzwbT6kT7sxKPSfgSyOqnLg=\n"
    "-----END CERTIFICATE-----\n";

// Reads what java.io.DataOutput writes.
struct Input {
  std::string_view rest;
  uint64_t Number(size_t bytes) {
    uint64_t out = 0;
    for (const char c : Take(bytes)) out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  std::string_view Take(size_t bytes) {
    const std::string_view out = rest.substr(0, bytes);
    rest.remove_prefix(out.size());
    return out;
  }
};

TEST(JavaTrustTest, EveryCertificateOfTheBundleIsAnEntryUnderANameOfItsOwn) {
  const auto certificates = CertificatesOf(std::string(kPem) + "# between\n" + std::string(kPem));
  ASSERT_EQ(certificates.size(), 2u);
  const std::string store = JavaTrustStore(certificates);
  Input in{store};
  EXPECT_EQ(in.Number(4), 0xfeedfeedu);
  EXPECT_EQ(in.Number(4), 2u);
  ASSERT_EQ(in.Number(4), 2u);
  for (const std::string name : {"trusted-1", "trusted-2"}) {
    EXPECT_EQ(in.Number(4), 2u);
    EXPECT_EQ(in.Take(in.Number(2)), name);
    EXPECT_EQ(in.Number(8), 0u);
    EXPECT_EQ(in.Take(in.Number(2)), "X.509");
    const std::string_view der = in.Take(in.Number(4));
    EXPECT_EQ(der, certificates[0]);
    EXPECT_EQ(der.substr(0, 2), "\x30\x82");  // an ASN.1 sequence
  }
  EXPECT_EQ(in.rest.size(), static_cast<size_t>(SHA_DIGEST_LENGTH));
}

TEST(JavaTrustTest, WhatIsNoCertificateIsLeftOutAndHidesNone) {
  const std::string broken = "-----BEGIN CERTIFICATE-----\nMIIBcjCC\n-----END CERTIFICATE-----\n";
  const std::string cut = "-----BEGIN CERTIFICATE-----\nMIIB";
  const std::string all = "text\n" + broken + std::string(kPem) + cut;
  EXPECT_EQ(CertificatesOf(all), CertificatesOf(kPem));
  EXPECT_EQ(CertificatesOf(kPem).size(), 1u);
  EXPECT_TRUE(CertificatesOf("").empty());
  EXPECT_EQ(JavaTrustStore({}).size(), 12u + SHA_DIGEST_LENGTH);
}

}  // namespace
}  // namespace cove::image
