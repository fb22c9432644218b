// The new mount API, as far as a parent needs it. Source: open_tree(2), mount_setattr(2).
// Thread-safe.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

// A detached copy of the mount that `path` lies on, with `path` as its root; no submounts.
Result<UniqueFd> CloneMount(const std::string& path);
// The same of what is open, as a place only (O_PATH) or in full, in this mount namespace; a file's
// mount is the file. `what` names it in the error.
Result<UniqueFd> CloneMountAt(int fd, const std::string& what);

enum class MountAccess { kReadWrite, kReadOnly };

// Makes the owners on disk appear through the mapping of a user namespace: disk id n is the host id
// that the namespace's n means. Only for a detached mount that is not yet mapped.
Result<void> IdmapMount(int mount_fd, int userns_fd, MountAccess access, const std::string& what);

}  // namespace cove::sys
