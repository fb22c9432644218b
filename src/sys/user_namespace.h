// A user namespace that nobody lives in: what mount_setattr(2) wants to know how owners are mapped.
// Sources: user_namespaces(7), mount_setattr(2). Thread: a single-threaded process.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

// The maps as /proc/PID/uid_map takes them. The descriptor alone keeps the namespace; the process
// that made it has ended when this returns.
Result<UniqueFd> MakeUserNamespace(const std::string& uid_map, const std::string& gid_map);

}  // namespace cove::sys
