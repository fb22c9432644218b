// Where names are looked up unseen: well-known public resolvers that speak DNS over HTTPS or TLS,
// by name and by number, and the port that only encrypted DNS has (RFC 7858, RFC 9250). Behind one
// of them every name would be hidden, so neither a wildcard nor a default of allow covers them: a
// rule has to name them. Sources: what each resolver publishes of itself. Thread: pure functions
// over canonical host names and addresses.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/address.h"

namespace cove::policy {

inline constexpr uint16_t kDnsOverTlsPort = 853;

bool IsDnsOverHttpsHost(std::string_view host);
bool IsResolver(const Address& address);

}  // namespace cove::policy
