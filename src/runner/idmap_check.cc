#include "runner/idmap_check.h"

#include "sys/mounts.h"
#include "sys/user_namespace.h"

namespace cove::runner {

Result<void> CheckIdmap(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd userns,
                   sys::MakeUserNamespace("0 1000000000 1\n", "0 1000000000 1\n"));
  ASSIGN_OR_RETURN(const UniqueFd mount, sys::CloneMount(path));
  auto mapped = sys::IdmapMount(mount.get(), userns.get(), sys::MountAccess::kReadWrite, path);
  if (mapped) return Ok();
  return Error(Code::kUnavailable,
               "the file system of " + path + " cannot map owners (" + mapped.error().message() +
                   "); put --data on ext4, xfs or btrfs, not on overlayfs or NFS");
}

}  // namespace cove::runner
