// Why an egress decision came out as it did: one closed set for policy, gateway, audit, the API and
// the dashboard. The text is stable: it is stored and programs match on it.
// Thread: values.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace cove::policy {

enum class Reason : uint8_t {
  kAllowed,             // a rule allows it
  kModelGateway,        // the built-in name of the model gateway
  kNoRule,              // no rule names the host
  kPortNotAllowed,      // the host is named, the port is not
  kRuleDenies,          // a rule denies it
  kAboveCeiling,        // an outer layer's ceiling does not allow it
  kRequestNotAllowed,   // the host is allowed, this method or path is not
  kBadPath,             // a rule speaks of paths, and this one has no single reading
  kNeedsInspection,     // rules speak of methods or paths, which TLS hides from the gateway
  kNoCredential,        // a rule gives a secret that is not there or not for this request
  kClientDistrusts,     // TLS was to be opened, and the client did not accept the certificate
  kBadName,             // not a host name in the one accepted form
  kDnsOverHttps,        // encrypted DNS under a wildcard or default: needs a rule of its own
  kPolicyUnavailable,   // the policy could not be read
  kNoDestination,       // the kernel did not say where the connection was going
  kSelf,                // the destination is the gateway's own listener
  kNoName,              // an address without a name, and no rule for the address
  kNameMismatch,        // the name asked of DNS and the name in SNI or Host differ
  kPortMismatch,        // the Host header names another port than the connection's
  kEncryptedHello,      // Encrypted Client Hello hides the name
  kMalformed,           // the first bytes are neither sound TLS nor sound HTTP
  kMethodNotSupported,  // CONNECT inside a transparent connection
  kHelloTimeout,        // the first bytes did not come in time
  kAddressNotPublic,    // the name resolves only to addresses that may not be dialled
  kResolveFailed,       // the name does not resolve
  kDialFailed,          // no checked address could be connected
  kLimit,               // a connection or query limit is reached
  kClientClosed,        // the client left before it was clear what it wanted
  kRevoked,             // the rule that allowed it is gone
  kIdle,                // nothing moved for too long
  kBroken,              // a connection failed on the way
  kAuditUnavailable,    // the decision could not be recorded
  kUsedUp,              // the bytes that a rule allows have been used
  kSecretInAnswer,      // the server sent a secret back where it cannot be replaced
  kTooFast,             // more requests than a rule allows in that time
};

std::string_view ReasonName(Reason reason);
// All of them.
std::vector<std::string_view> ReasonNames();
// One sentence for a person: what happened and what to do.
std::string_view ReasonText(Reason reason);

}  // namespace cove::policy
