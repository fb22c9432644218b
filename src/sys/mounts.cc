#include "sys/mounts.h"

#include "sys/mount_calls.h"

namespace cove::sys {

Result<UniqueFd> CloneMount(const std::string& path) {
  const int fd = OpenTree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (fd < 0) return Error::FromErrno("cannot open " + path + " as a mount");
  return UniqueFd(fd);
}

Result<UniqueFd> CloneMountAt(int fd, const std::string& what) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  const int copy = OpenTree(fd, "", flags);
  if (copy < 0) return Error::FromErrno("cannot open " + what + " as a mount");
  return UniqueFd(copy);
}

Result<void> IdmapMount(int mount_fd, int userns_fd, MountAccess access, const std::string& what) {
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (access == MountAccess::kReadOnly) attr.attr_set |= MOUNT_ATTR_RDONLY;
  attr.userns_fd = static_cast<uint64_t>(userns_fd);
  if (MountSetAttr(mount_fd, "", AT_EMPTY_PATH, &attr) != 0) {
    Error error = Error::FromErrno("cannot map the owners of " + what);
    if (error.sys_errno() == EINVAL) {
      return std::move(error).Wrap("this file system cannot be idmapped (use ext4, xfs or btrfs)");
    }
    return error;
  }
  return Ok();
}

}  // namespace cove::sys
