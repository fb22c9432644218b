// One egress rule: whom it is about, and whether that may be reached.
//
// Rules have no order: where an allowing and a denying rule both match, the denying one wins. A
// rule is about a name (judged before anything is resolved) or about a range of addresses. One
// with methods or paths is about single HTTP requests; the gateway judges those one by one.
//
// The short form, one text:
//   rule = host [":" ports] | cidr ":" ports
//   host as HostPattern::Parse takes it; without ports it means 80 and 443
//   cidr = "203.0.113.0/24" | "[2001:db8::]/32"
// The long form is a table of a policy document (document.h).
//
// A range of addresses allows connections that go to such an address by number, whatever is spoken
// on them; as a denial it also holds for what a name resolves to.
// Thread: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "policy/address.h"
#include "policy/host_pattern.h"
#include "policy/ports.h"
#include "policy/request_path.h"
#include "policy/shared_list.h"

namespace cove::policy {

// Where a rule comes from, for audit and for people; from the outermost to the innermost.
enum class Layer : uint8_t {
  kNone,
  kRegistries,  // part of the server's default: what this machine's own package managers use
  kServer,
  kOrganization,
  kTemplate,
  kSandbox,
  kBuiltIn,
};
std::string_view LayerName(Layer layer);

enum class Effect : uint8_t { kAllow, kDeny };

// What a sandbox may use of a rule; what is absent has no limit.
struct RuleLimits {
  struct Rate {
    uint32_t count = 0;
    seconds per{60};
    bool operator==(const Rate&) const = default;
  };
  std::optional<uint32_t> connections;  // at once
  std::optional<uint64_t> bytes;        // in all, both ways
  std::optional<Rate> rate;             // requests where they are read, else connections
  std::string rule;                     // its text, under which it is counted; empty: no limits
  bool any() const { return connections || bytes || rate; }
  bool operator==(const RuleLimits&) const = default;
};

struct Rule {
  Effect effect = Effect::kAllow;
  Layer layer = Layer::kNone;
  HostPattern host;               // when there is no network
  std::optional<Prefix> network;  // else
  PortSet ports;
  SharedList<std::string> methods;  // empty: any
  SharedList<PathPattern> paths;    // empty: any
  bool inspect = false;             // open TLS, so that requests can be judged
  // Private ranges that names of this rule may resolve to: an operator's to say.
  SharedList<Prefix> resolves_to;
  // The secret that the gateway may put into requests this rule allows; by name, never its value.
  std::string credential;
  RuleLimits limits;
  bool log_requests = false;  // each request is a record of its own
  std::string text;           // canonical spelling, for people and the audit; long lists are cut

  // About requests, not connections.
  bool ByRequest() const { return !methods.empty() || !paths.empty(); }
  // Says more about what it allows than that.
  bool HasDetails() const { return !credential.empty() || limits.any() || log_requests; }
  // `name` is in canonical form.
  bool MatchesHost(std::string_view name) const { return !network && host.Matches(name); }
};

// The short form. kInvalid says what is wrong with which rule.
Result<Rule> ParseRule(std::string_view text, Layer layer);
// The short form of a rule whose ports stand elsewhere: one that has its own is an error.
// `ports` is left empty and `text` without meaning, until they are set and Spell is called.
Result<Rule> ParseTarget(std::string_view text, Layer layer);
// "name": letters, digits, '-', '_' and '.', at most 255 bytes.
Result<void> CheckCredentialName(std::string_view name);
// Sets `text` from the rest; for rules built otherwise.
void Spell(Rule& rule);
// "203.0.113.0/24" or "[2001:db8::]/32", also without brackets.
Result<Prefix> ParseNetwork(std::string_view text);

}  // namespace cove::policy
