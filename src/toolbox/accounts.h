// Users and groups of the sandbox, from its /etc/passwd and /etc/group. Never getpwnam: a static
// program would load NSS modules that the sandbox chose. The files belong to the sandbox: what they
// say only decides an identity inside its user namespace. Ids that are not in it are none here, and
// so is -1, with which system calls leave an identity as it is: the toolbox's own.
// Formats: passwd(5), group(5).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::toolbox {

struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::vector<gid_t> groups;  // supplementary, with the own one
};

inline constexpr std::string_view kDefaultUser = "daytona";

// The account of a name, or of a number in decimal. Empty: the default user; if the sandbox has
// none, root. kInvalid: there is no such user.
Result<Account> FindAccount(std::string_view name, const std::string& etc = "/etc");
// A number, or a name of /etc/group.
Result<gid_t> FindGroup(std::string_view name, const std::string& etc = "/etc");

}  // namespace cove::toolbox
