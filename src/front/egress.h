// Egress: which policy holds for which sandbox.
//
// Concept: the layers, from the outermost in: the server (what [policy] of cove.toml says, with the
// machine's registries; beneath it what an administrator set), the organisation, the templates (the
// snapshots that led to it, the one it was made from last), the sandbox. The innermost that has a
// default is what holds, cut by every ceiling. A sandbox's own default is its policy document, or
// its allow lists (names on ports 80 and 443, address ranges on every port); one that blocks all
// reaches nothing. A layer that cannot be read denies everything below it. The model gateway is
// always there; what it may be asked for, the layers say, too (model_guards.h). Thread:
// loop-confined.
#pragma once

#include <functional>
#include <unordered_map>

#include "api/policy_book.h"
#include "bridge/guard.h"
#include "front/config.h"
#include "http/client.h"

namespace cove::front {

class Egress final : public api::PolicyBook {
 public:
  using PolicyPtr = std::shared_ptr<const policy::Policy>;
  using OnChanged = std::function<void(const SandboxId&)>;

  // Reads the machine's registry files if the configuration wants them: before the loop runs.
  static Result<std::unique_ptr<Egress>> Make(const Config& config);
  // What administrators set; before the first sandbox. `on_changed` is told of each sandbox that
  // has another policy from now on because of them.
  void UsePolicies(control::Policies& policies, OnChanged on_changed);

  // kInvalid if these settings cannot be kept.
  Result<void> Check(const control::Network& network) const;
  // From now on PolicyOf(sandbox.id) is what its settings say; nothing (deny) if they are wrong.
  void Set(const control::Sandbox& sandbox);
  void Forget(const SandboxId& id) { held_.erase(id); }
  PolicyPtr PolicyOf(const SandboxId& id) const;
  // What the policy says about model calls, read once for each policy: of a sandbox that runs
  // (nothing: it does not, or its policy cannot be read), and of what belongs to the organisation
  // and runs in no sandbox.
  std::optional<bridge::Guards> GuardsOf(const SandboxId& id) const;
  Result<bridge::Guards> GuardsOfOrg(const OrgId& org);
  // May a model call of the sandbox make its provider fetch that? Nobody reads the provider's
  // requests here, so rules that speak of requests, or look inside, do not allow it.
  bool MayFetch(const SandboxId& id, const http::Url& url) const;

  std::optional<control::StoredPolicy> Find(const control::PolicyKey& key) const override;
  async::Task<Result<void>> Put(control::PolicyKey key, control::StoredPolicy policy) override;
  async::Task<Result<void>> Remove(control::PolicyKey key) override;
  Result<PolicyPtr> PolicyFor(const control::Sandbox& sandbox) const override;
  policy::AddressClass Classify(const policy::Address& address) const override;

 private:
  struct Held {
    control::Sandbox sandbox;
    PolicyPtr policy;  // null: it cannot be read
    bridge::Guards guards;
  };
  Held Make(const control::Sandbox& sandbox) const;
  void ReadStored(const control::PolicyKey& key, const std::string& text);
  void ApplyToAll();

  policy::LayerPolicy server_;  // what cove.toml says
  control::Policies* policies_ = nullptr;
  // What `policies_` means; nothing: it cannot be read.
  std::map<control::PolicyKey, std::optional<policy::LayerPolicy>> stored_;
  OnChanged on_changed_;
  std::unordered_map<SandboxId, Held> held_;
  std::unordered_map<OrgId, bridge::Guards> of_orgs_;  // read when first asked for
};

}  // namespace cove::front
