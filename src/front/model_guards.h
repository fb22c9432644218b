// What the policies say about model calls, for the gateway that judges them. A policy is read once:
// its guards are kept for as long as it holds. Thread: loop-confined.
#pragma once

#include "bridge/guard.h"
#include "front/egress.h"

namespace cove::front {

class ModelGuards {
 public:
  // Of a policy that holds now, all of them; the same object for the same policy.
  bridge::Guards Of(const Egress::PolicyPtr& policy);
  size_t kept() const { return kept_.size(); }

 private:
  struct Kept {
    std::weak_ptr<const policy::Policy> policy;  // another may have its address when it is gone
    bridge::Guards guards;
  };
  void DropGone();

  std::unordered_map<const policy::Policy*, Kept> kept_;
  size_t drop_at_ = 64;
};

}  // namespace cove::front
