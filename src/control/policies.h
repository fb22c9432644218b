// Policies: the egress policies that administrators set for layers: the server (beneath what
// cove.toml says), an organisation, a template (a snapshot's name). Control keeps them as they were
// written; what they mean is the door's to say, before they are put here.
//
// All are also in memory: reading never waits. A template's stays when its snapshot goes, because
// sandboxes made from it live on. Thread: loop-confined. The store must outlive it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/strong_id.h"
#include "store/store.h"

namespace cove::control {

using async::Task;

struct PolicyKey {
  enum class Scope { kServer, kOrganization, kTemplate };
  Scope scope = Scope::kServer;
  OrgId org;         // of kOrganization and kTemplate
  std::string name;  // of kTemplate
  auto operator<=>(const PolicyKey&) const = default;
};

struct StoredPolicy {
  bool operator==(const StoredPolicy&) const = default;
  std::string text;    // TOML or JSON, as written
  std::string set_by;  // a user
  WallTime updated_at;
};

class Policies {
 public:
  static Task<Result<std::unique_ptr<Policies>>> Open(store::Store& store);

  const std::map<PolicyKey, StoredPolicy>& all() const { return all_; }
  std::optional<StoredPolicy> Find(const PolicyKey& key) const;
  // Durable when they answer.
  Task<Result<void>> Put(PolicyKey key, StoredPolicy policy);
  // Ok where there is none.
  Task<Result<void>> Remove(PolicyKey key);

 private:
  explicit Policies(store::Store& store) : store_(store) {}
  store::Store& store_;
  std::map<PolicyKey, StoredPolicy> all_;
};

extern const store::Migrations kPolicyMigrations;

}  // namespace cove::control
