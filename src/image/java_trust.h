// The trust store of Java, made from the certificates that other programs read as PEM.
//
// Java reads one file of its own (cacerts) and none of the variables that point other programs to
// a bundle. Its format is JKS, as on Debian: every JDK reads it, and needs no password for that;
// tools that change it use the customary one, "changeit".
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove::image {

// The certificates in a bundle (PEM), as DER and in order. What is none is left out: one that Java
// could not read would cost it the whole store.
std::vector<std::string> CertificatesOf(std::string_view pem);

// The same certificates always give the same bytes.
std::string JavaTrustStore(const std::vector<std::string>& certificates);

}  // namespace cove::image
