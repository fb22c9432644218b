// What agents may ask model providers for, as a layer says it: the table [models] of its document.
//
//   [models]                                # the innermost layer that has one holds
//   allow = ["claude-*", "gpt-5*"]          # patterns with '*'; without: every model
//   deny = ["*-pro"]                        # wins
//   hosted_tools = ["web_search"]           # what a provider may run or fetch itself; []: nothing
//   deny_parameters = ["store=true"]        # fields a request may not have, or not with that value
//
//   [ceiling.models]                        # the same keys: holds for every layer below, too
//
// What the words mean in a request is the model gateway's to know (bridge/guard.h). Thread: values.
#pragma once

#include <optional>

#include "policy/node.h"

namespace cove::policy {

struct ModelRules {
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::optional<std::vector<std::string>> hosted_tools;
  std::vector<std::string> deny_parameters;
};

// kInvalid names the place; an empty table, too.
Result<ModelRules> ReadModelRules(const Node& node);

}  // namespace cove::policy
