#include "control/policies.h"

namespace cove::control {

const store::Migrations kPolicyMigrations = {{"control.policy", 1, R"sql(
CREATE TABLE policy (
  scope TEXT NOT NULL CHECK (scope IN ('server', 'organization', 'template')),
  org TEXT NOT NULL,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  set_by TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (scope, org, name)
) STRICT;
)sql"}};

namespace {

using Scope = PolicyKey::Scope;
using Entry = std::pair<PolicyKey, StoredPolicy>;

std::string_view ScopeName(Scope scope) {
  switch (scope) {
    case Scope::kServer:
      return "server";
    case Scope::kOrganization:
      return "organization";
    case Scope::kTemplate:
      return "template";
  }
  return "server";
}

Scope ParseScope(const std::string& name) {
  if (name == "template") return Scope::kTemplate;
  return name == "organization" ? Scope::kOrganization : Scope::kServer;
}

Result<std::vector<Entry>> Load(store::Db& db) {
  ASSIGN_OR_RETURN(store::Rows rows,
                   db.Query("SELECT scope, org, name, text, set_by, updated_at FROM policy"));
  std::vector<Entry> out;
  for (const store::Row& row : rows) {
    out.push_back({{ParseScope(row[0].Text()), OrgId(row[1].Text()), row[2].Text()},
                   {row[3].Text(), row[4].Text(), row[5].Time()}});
  }
  return out;
}

}  // namespace

Task<Result<std::unique_ptr<Policies>>> Policies::Open(store::Store& store) {
  CO_ASSIGN_OR_RETURN(auto entries, co_await store.Read(&Load));
  std::unique_ptr<Policies> policies(new Policies(store));
  for (Entry& entry : entries) policies->all_.insert(std::move(entry));
  co_return policies;
}

std::optional<StoredPolicy> Policies::Find(const PolicyKey& key) const {
  const auto it = all_.find(key);
  if (it == all_.end()) return std::nullopt;
  return it->second;
}

Task<Result<void>> Policies::Put(PolicyKey key, StoredPolicy policy) {
  const auto write = [key, policy](store::Db& db) -> Result<void> {
    RETURN_IF_ERROR(db.Run(
        "INSERT INTO policy (scope, org, name, text, set_by, updated_at) VALUES ($1, $2, $3, "
        "$4, $5, $6) ON CONFLICT (scope, org, name) DO UPDATE SET text = $4, set_by = $5, "
        "updated_at = $6",
        {ScopeName(key.scope), key.org, key.name, policy.text, policy.set_by, policy.updated_at}));
    return Ok();
  };
  CO_RETURN_IF_ERROR(co_await store_.Write(write));
  all_[std::move(key)] = std::move(policy);
  co_return Ok();
}

Task<Result<void>> Policies::Remove(PolicyKey key) {
  const auto write = [key](store::Db& db) -> Result<void> {
    RETURN_IF_ERROR(db.Run("DELETE FROM policy WHERE scope = $1 AND org = $2 AND name = $3",
                           {ScopeName(key.scope), key.org, key.name}));
    return Ok();
  };
  CO_RETURN_IF_ERROR(co_await store_.Write(write));
  all_.erase(key);
  co_return Ok();
}

}  // namespace cove::control
