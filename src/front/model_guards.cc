#include "front/model_guards.h"

namespace cove::front {

std::vector<bridge::Guard> ModelGuards(const policy::Policy& policy) {
  std::vector<bridge::Guard> out;
  for (const policy::ModelCut& cut : policy.models()) {
    const std::string table =
        cut.part == policy::Step::Part::kCeiling ? "[ceiling.models] " : "[models] ";
    bridge::GuardWords words;
    words.who = "the policy of the " + std::string(policy::LayerName(cut.layer));
    words.models = table + "allow, deny";
    words.hosted_tools = table + "hosted_tools";
    words.deny_parameters = table + "deny_parameters";
    out.emplace_back(bridge::GuardRules{cut.rules->allow, cut.rules->deny, cut.rules->hosted_tools,
                                        cut.rules->deny_parameters},
                     std::move(words));
  }
  return out;
}

}  // namespace cove::front
