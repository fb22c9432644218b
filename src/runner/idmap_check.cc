#include "runner/idmap_check.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner/spawn.h"
#include "sys/mounts.h"
#include "sys/small_file.h"

namespace cove::runner {
namespace {

// A process that holds a user namespace and does nothing else.
Result<Child> HoldUserNamespace() {
  int pidfd = -1;
  const pid_t parent = getpid();
  clone_args clone{};
  clone.flags = CLONE_PIDFD | CLONE_NEWUSER;
  clone.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  clone.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &clone, sizeof clone);
  if (pid < 0) {
    return Error::FromErrno(
        "make a user namespace (are they allowed? see "
        "/proc/sys/user/max_user_namespaces)");
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(1);  // it died before that
    for (;;) pause();
  }
  return Child(static_cast<pid_t>(pid), UniqueFd(pidfd));
}

}  // namespace

Result<void> CheckIdmap(const std::string& path) {
  ASSIGN_OR_RETURN(const Child holder, HoldUserNamespace());
  const std::string proc = "/proc/" + std::to_string(holder.pid());
  RETURN_IF_ERROR(sys::WriteFile(proc + "/uid_map", "0 1000000000 1\n"));
  RETURN_IF_ERROR(sys::WriteFile(proc + "/gid_map", "0 1000000000 1\n"));
  ASSIGN_OR_RETURN(const UniqueFd userns, sys::Open(proc + "/ns/user", O_RDONLY));
  ASSIGN_OR_RETURN(const UniqueFd mount, sys::CloneMount(path));
  auto mapped = sys::IdmapMount(mount.get(), userns.get(), sys::MountAccess::kReadWrite, path);
  if (mapped) return Ok();
  return Error(Code::kUnavailable,
               "the file system of " + path + " cannot map owners (" + mapped.error().message() +
                   "); put --data on ext4, xfs or btrfs, not on overlayfs or NFS");
}

}  // namespace cove::runner
