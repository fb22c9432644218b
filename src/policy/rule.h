// One egress rule: who may be reached, on which ports.
//
// Grammar (the text in configuration and API is this, nothing else):
//   rule  = host ":" ports | cidr ":" ports
//   host  = name | "*." name          the wildcard means any depth below name, never name itself
//   cidr  = "203.0.113.0/24" | "[2001:db8::]/32"
//   ports = number *("," number)      1 to 65535
// Refused: a rule without ports, wildcards elsewhere ("*", "a.*", "*a.b", "a.*.b"), a wildcard
// below a public suffix ("*.com", "*.co.uk", "*.github.io"), IP addresses as names.
// An address rule allows a connection to the address itself, whatever is spoken on it; it is also
// what lets an allowed name resolve to a private address.
// Thread: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/address.h"

namespace cove::policy {

// Where a rule comes from, for audit and for people.
enum class Layer : uint8_t { kNone, kRegistries, kServer, kOrganization, kSandbox, kBuiltIn };
std::string_view LayerName(Layer layer);

inline constexpr size_t kPortsPerRuleMax = 64;

struct Rule {
  enum class Kind : uint8_t { kExact, kBelow, kNetwork };
  std::string text;  // canonical spelling
  Layer layer = Layer::kNone;
  Kind kind = Kind::kExact;
  std::string host;  // canonical; without "*."
  Prefix network;    // kNetwork only
  std::vector<uint16_t> ports;

  // `host` is in canonical form.
  bool MatchesHost(std::string_view host) const;
  bool MatchesPort(uint16_t port) const;
};

// kInvalid says what is wrong with which rule.
Result<Rule> ParseRule(std::string_view text, Layer layer);

}  // namespace cove::policy
