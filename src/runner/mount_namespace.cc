#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner/data_dir.h"

namespace cove::runner {

Result<void> EnterMountNamespace(const std::string& runner_path, const std::string& images) {
  if (unshare(CLONE_NEWNS) != 0) {
    return Error::FromErrno(
        "make a mount namespace (`cove serve` needs CAP_SYS_ADMIN: run it as "
        "root on a machine or in a privileged container)");
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return Error::FromErrno("make mounts private");
  }
  const char* path = runner_path.c_str();
  if (mount(path, path, nullptr, MS_BIND, nullptr) != 0) {
    return Error::FromErrno("bind " + runner_path + " onto itself");
  }
  // mount_setattr only adds: flags that an outer container has locked stay as they are.
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attr, sizeof attr) != 0) {
    return Error::FromErrno("make " + runner_path + " nosuid,nodev");
  }
  if (!images.empty()) return BindImages(images, runner_path + "/images");
  return Ok();
}

}  // namespace cove::runner
