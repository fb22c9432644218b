// What one sandbox may reach: default deny, and rules that allow.
//
// Concept: a Policy is an immutable value that the gateway holds by shared_ptr while it judges one
// thing, so a change of policy is a swap of the pointer and no reader sees half of one. Names are
// judged before anything is resolved.
// Thread: immutable after Make; pure functions.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "policy/reason.h"
#include "policy/rule.h"

namespace cove::policy {

inline constexpr size_t kRulesMax = 4096;

struct Decision {
  bool allow = false;
  Reason reason = Reason::kNoRule;
  std::string rule;  // the rule that allowed, or that came nearest
  Layer layer = Layer::kNone;
};

class Policy {
 public:
  // Denies everything.
  Policy() = default;
  // Strict: one bad rule refuses the whole, so a typo never widens or narrows a policy silently.
  static Result<std::shared_ptr<const Policy>> Make(std::vector<Rule> rules);
  static Result<std::shared_ptr<const Policy>> Parse(std::span<const std::string> rules,
                                                     Layer layer);

  // May a connection to this name and port be made? `host` may be in any spelling.
  Decision Evaluate(std::string_view host, uint16_t port) const;
  // Could any port of this name be allowed? What DNS answers by.
  Decision EvaluateName(std::string_view host) const;
  // May this address itself be dialled on this port? Only address rules say so, and none of them
  // reaches loopback, link-local, metadata, own, multicast or disguised addresses.
  Decision EvaluateAddress(const Address& address, uint16_t port, AddressClass kind) const;
  // May this address be dialled for a name that is allowed already?
  bool MayDial(const Address& address, uint16_t port, AddressClass kind) const;

  const std::vector<Rule>& rules() const { return rules_; }

 private:
  std::vector<Rule> rules_;
};

}  // namespace cove::policy
