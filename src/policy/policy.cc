#include "policy/policy.h"

#include <optional>

#include "policy/host_name.h"
#include "policy/name_lists.h"

namespace cove::policy {
namespace {

Decision Allow(const Rule& rule) { return {true, Reason::kAllowed, rule.text, rule.layer}; }
Decision Deny(Reason reason) { return {false, reason, {}, Layer::kNone}; }

// A wildcard never means a DoH resolver, which would hide every name behind one.
bool Covers(const Rule& rule, std::string_view host) {
  if (!rule.MatchesHost(host)) return false;
  return rule.kind == Rule::Kind::kExact || !IsDnsOverHttpsHost(host);
}

Decision Judge(const std::vector<Rule>& rules, std::string_view text,
               std::optional<uint16_t> port) {
  const auto host = CanonicalHost(text);
  if (!host) return Deny(Reason::kBadName);
  Decision nearest = Deny(Reason::kNoRule);
  for (const Rule& rule : rules) {
    if (!rule.MatchesHost(*host)) continue;
    if (!Covers(rule, *host)) {
      if (nearest.reason == Reason::kNoRule) {
        nearest = {false, Reason::kDnsOverHttps, rule.text, rule.layer};
      }
      continue;
    }
    if (!port || rule.MatchesPort(*port)) return Allow(rule);
    nearest = {false, Reason::kPortNotAllowed, rule.text, rule.layer};
  }
  return nearest;
}

// What an address rule may open beyond public addresses.
bool MayBeGranted(AddressClass kind) {
  return kind == AddressClass::kPublic || kind == AddressClass::kPrivate ||
         kind == AddressClass::kCgnat || kind == AddressClass::kOnLink;
}

}  // namespace

Result<std::shared_ptr<const Policy>> Policy::Make(std::vector<Rule> rules) {
  if (rules.size() > kRulesMax) {
    return Error(Code::kInvalid, "a policy may have at most 4096 rules");
  }
  auto policy = std::make_shared<Policy>();
  policy->rules_ = std::move(rules);
  return std::shared_ptr<const Policy>(std::move(policy));
}

Result<std::shared_ptr<const Policy>> Policy::Parse(std::span<const std::string> texts,
                                                    Layer layer) {
  std::vector<Rule> rules;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(Rule rule, ParseRule(text, layer));
    rules.push_back(std::move(rule));
  }
  return Make(std::move(rules));
}

Decision Policy::Evaluate(std::string_view host, uint16_t port) const {
  return Judge(rules_, host, port);
}

Decision Policy::EvaluateName(std::string_view host) const {
  return Judge(rules_, host, std::nullopt);
}

Decision Policy::EvaluateAddress(const Address& address, uint16_t port, AddressClass kind) const {
  for (const Rule& rule : rules_) {
    if (rule.kind != Rule::Kind::kNetwork || !rule.network.Contains(address)) continue;
    if (!MayBeGranted(kind)) return Deny(Reason::kAddressNotPublic);
    if (rule.MatchesPort(port)) return Allow(rule);
  }
  return Deny(Reason::kNoName);
}

bool Policy::MayDial(const Address& address, uint16_t port, AddressClass kind) const {
  return kind == AddressClass::kPublic || EvaluateAddress(address, port, kind).allow;
}

}  // namespace cove::policy
