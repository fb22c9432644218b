#include "identity/caller.h"

#include <algorithm>

namespace cove::identity {

std::string_view RoleName(Role role) { return role == Role::kAdmin ? "admin" : "member"; }

bool Caller::May(std::string_view scope) const {
  if (role == Role::kAdmin) return true;
  if (scopes.empty()) {
    return scope.ends_with(":sandboxes") || scope.ends_with(":snapshots") || scope == kUseModels;
  }
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

}  // namespace cove::identity
