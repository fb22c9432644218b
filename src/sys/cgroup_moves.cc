#include "sys/cgroup_moves.h"

#include "sys/mount_calls.h"

namespace cove::sys {
namespace {

Result<UniqueFd> Mount() {
  const UniqueFd fs(FsOpen("cgroup"));
  if (!fs) return Error::FromErrno("this kernel has no named cgroup hierarchies");
  if (FsConfig(fs.get(), "none", nullptr) != 0 || FsConfig(fs.get(), "name", "cove") != 0 ||
      FsConfig(fs.get(), "favordynmods", nullptr) != 0 || FsCreate(fs.get()) != 0) {
    return Error::FromErrno("cannot make a cgroup hierarchy with favordynmods");
  }
  UniqueFd mount(FsMount(fs.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!mount) return Error::FromErrno("cannot mount a cgroup hierarchy");
  return mount;
}

}  // namespace

Result<UniqueFd> FavorCgroupMoves() {
  // One of the same name that is just ending (another server's) makes the kernel wait 10 ms and
  // give up; so this waits a second at most.
  constexpr int kTries = 100;
  for (int i = 1;; ++i) {
    auto mount = Mount();
    if (mount || mount.error().sys_errno() != EBUSY || i == kTries) return mount;
  }
}

}  // namespace cove::sys
