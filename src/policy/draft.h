// A policy document in the making, for what writes one: imports and suggestions.
// Thread: values.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/rule.h"

namespace cove::policy {

struct DraftRule {
  std::vector<std::string> hosts;
  std::set<uint16_t> ports;  // empty: as in the hosts' texts
  std::vector<std::string> methods;
  std::vector<std::string> paths;
  bool inspect = false;
};

struct Draft {
  Effect standard = Effect::kDeny;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::vector<DraftRule> rules;
  std::vector<std::string> notes;  // for people; become comments at the top

  // TOML that ParseLayer takes at a sandbox's layer; kInvalid where something in it is no rule.
  Result<std::string> ToToml() const;
};

}  // namespace cove::policy
