#include "policy/reason.h"

#include <array>

namespace cove::policy {
namespace {

struct Entry {
  Reason reason;
  std::string_view name;
  std::string_view text;
};

constexpr std::array kEntries = {
    Entry{Reason::kAllowed, "allowed", "A rule allows this."},
    Entry{Reason::kModelGateway, "model_gateway", "This is the model gateway."},
    Entry{Reason::kNoRule, "no_rule",
          "No rule of this sandbox names the host. Ask the operator for a rule."},
    Entry{Reason::kPortNotAllowed, "port_not_allowed",
          "A rule names the host, but not this port. Ask the operator to add the port."},
    Entry{Reason::kRuleDenies, "denied_by_rule", "A rule denies this."},
    Entry{Reason::kAboveCeiling, "above_ceiling",
          "The sandbox's own policy allows this, but an administrator's ceiling does not."},
    Entry{Reason::kRequestNotAllowed, "request_not_allowed",
          "A rule names the host, but not this method or path."},
    Entry{Reason::kBadPath, "bad_path",
          "Rules limit the paths of this host, and this path can be read in more ways than one."},
    Entry{Reason::kNeedsInspection, "needs_inspection",
          "Rules limit the methods or paths of this host, which TLS hides: add inspect = true."},
    Entry{Reason::kNoCredential, "no_credential",
          "The rule gives this request a secret that does not exist or is not for it. Tell the "
          "operator."},
    Entry{Reason::kClientDistrusts, "client_distrusts",
          "The gateway opens TLS to this host, and the client does not trust the sandbox's own "
          "authority: SSL_CERT_FILE names the bundle that does; Java's is "
          "/etc/ssl/certs/java/cacerts."},
    Entry{Reason::kBadName, "bad_name", "That is not a host name: letters, digits, '-' and '.'."},
    Entry{Reason::kDnsOverHttps, "dns_over_https",
          "DNS that is encrypted would hide every name: a public resolver needs a rule with its "
          "exact name or network, and port 853 one that names it."},
    Entry{Reason::kPolicyUnavailable, "policy_unavailable",
          "The sandbox's policy cannot be read, so nothing may leave. Tell the operator."},
    Entry{Reason::kNoDestination, "no_destination", "The connection has no known destination."},
    Entry{Reason::kSelf, "self", "The destination is the gateway itself."},
    Entry{Reason::kNoName, "no_name",
          "Connections go by name (TLS SNI or HTTP Host); this one only has an address."},
    Entry{Reason::kNameMismatch, "name_mismatch",
          "The name in the request is not the name that was looked up."},
    Entry{Reason::kPortMismatch, "port_mismatch",
          "The Host header names another port than the connection's."},
    Entry{Reason::kEncryptedHello, "encrypted_hello",
          "Encrypted Client Hello hides the name; turn it off in the client."},
    Entry{Reason::kMalformed, "malformed", "What was sent is neither sound TLS nor sound HTTP."},
    Entry{Reason::kMethodNotSupported, "method_not_supported",
          "Not offered: CONNECT but to the proxy, SOCKS but to connect, TRACE with a secret."},
    Entry{Reason::kHelloTimeout, "hello_timeout", "The client did not say its name in time."},
    Entry{Reason::kAddressNotPublic, "address_not_public",
          "The name leads only to private or reserved addresses, which are never dialled."},
    Entry{Reason::kResolveFailed, "resolve_failed", "The name cannot be resolved just now."},
    Entry{Reason::kDialFailed, "dial_failed", "The host cannot be reached just now."},
    Entry{Reason::kLimit, "limit", "Too many at once; close some connections and try again."},
    Entry{Reason::kClientClosed, "client_closed", "The client closed the connection first."},
    Entry{Reason::kRevoked, "revoked", "The rule that allowed this was taken away."},
    Entry{Reason::kIdle, "idle", "Nothing moved for too long."},
    Entry{Reason::kBroken, "broken", "The connection failed on the way."},
    Entry{Reason::kAuditUnavailable, "audit_unavailable",
          "The audit record cannot be written, so nothing may leave. Tell the operator."},
    Entry{Reason::kUsedUp, "used_up",
          "This sandbox has used all the bytes that the rule for this host allows."},
    Entry{Reason::kSecretInAnswer, "secret_in_answer",
          "The server sent a secret back, or may have, where it cannot be replaced: on a "
          "WebSocket, or "
          "in an answer that is compressed in a way that is not read here."},
    Entry{Reason::kTooFast, "too_fast",
          "The rule for this host allows fewer requests in that time; wait, then try again."},
};

const Entry& Find(Reason reason) {
  for (const Entry& e : kEntries) {
    if (e.reason == reason) return e;
  }
  return kEntries.front();
}

}  // namespace

std::string_view ReasonName(Reason reason) { return Find(reason).name; }
std::vector<std::string_view> ReasonNames() {
  std::vector<std::string_view> out;
  for (const Entry& e : kEntries) out.push_back(e.name);
  return out;
}
std::string_view ReasonText(Reason reason) { return Find(reason).text; }

}  // namespace cove::policy
