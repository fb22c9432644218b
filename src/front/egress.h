// Egress: which policy holds for which sandbox.
//
// Concept: the server's default (the machine's registries and what [policy] says) holds for a
// sandbox that has no lists of its own. A sandbox with an allow list may reach what that says
// (names on ports 80 and 443, address ranges on every port) as far as the server's ceiling allows.
// One that blocks all reaches nothing. The model gateway is no matter of policy: it is always
// there. Thread: loop-confined.
#pragma once

#include <unordered_map>

#include "control/sandbox.h"
#include "front/config.h"
#include "policy/policy.h"

namespace cove::front {

class Egress {
 public:
  using PolicyPtr = std::shared_ptr<const policy::Policy>;

  // Reads the machine's registry files if the configuration wants them: before the loop runs.
  static Result<std::unique_ptr<Egress>> Make(const Config& config);

  // The policy that these settings give; kInvalid if they cannot be kept.
  Result<PolicyPtr> PolicyFor(const control::Network& network) const;

  // From now on PolicyOf(sandbox.id) is what its settings say; nothing (deny) if they are wrong.
  void Set(const control::Sandbox& sandbox);
  void Forget(const SandboxId& id) { policies_.erase(id); }
  PolicyPtr PolicyOf(const SandboxId& id) const;

 private:
  policy::LayerPolicy server_;
  std::unordered_map<SandboxId, PolicyPtr> policies_;
};

}  // namespace cove::front
