// Caller: who makes a request, as every layer above needs it. Values.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong_id.h"
#include "identity/scopes.h"

namespace cove::identity {

// The organisation that exists from the start.
inline const OrgId kDefaultOrg{"00000000-0000-4000-8000-000000000001"};
inline constexpr std::string_view kDefaultUser = "admin";

enum class Role { kMember, kAdmin };
std::string_view RoleName(Role role);

// Scopes are names of scopes.h; the list may be empty.
struct Caller {
  OrgId org;
  std::string user;
  std::string key_id;
  std::string key_name;
  Role role = Role::kMember;
  std::vector<std::string> scopes;

  // Admins may all. Others: a key without any scope may use sandboxes and call models but not
  // manage keys.
  bool May(std::string_view scope) const;
};

}  // namespace cove::identity
