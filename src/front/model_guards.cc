#include "front/model_guards.h"

namespace cove::front {

bridge::Guards ReadModelGuards(const policy::Policy& policy) {
  if (policy.models().empty()) return nullptr;
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
  return std::make_shared<const std::vector<bridge::Guard>>(std::move(out));
}

}  // namespace cove::front
