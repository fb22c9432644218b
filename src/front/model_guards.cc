#include "front/model_guards.h"

#include <algorithm>

namespace cove::front {
namespace {

bridge::Guards Read(const policy::Policy& policy) {
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

}  // namespace

bridge::Guards ModelGuards::Of(const Egress::PolicyPtr& policy) {
  if (const auto it = kept_.find(policy.get()); it != kept_.end()) {
    if (it->second.policy.lock() == policy) return it->second.guards;
  }
  if (kept_.size() >= drop_at_) DropGone();
  bridge::Guards made = Read(*policy);
  kept_.insert_or_assign(policy.get(), Kept{policy, made});
  return made;
}

void ModelGuards::DropGone() {
  std::erase_if(kept_, [](const auto& entry) { return entry.second.policy.expired(); });
  drop_at_ = std::max<size_t>(64, 2 * kept_.size());
}

}  // namespace cove::front
