#include "image/confine.h"

#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.h"
#include "sys/allow_calls.h"

namespace cove::image {
namespace {

// clang-format off
constexpr sys::AllowedCall kFileCalls[] = {
    {"read"}, {"write"}, {"readv"}, {"writev"}, {"pread64"}, {"pwrite64"}, {"lseek"}, {"open"},
    {"openat"}, {"openat2"}, {"close"}, {"close_range"}, {"fcntl"}, {"flock"}, {"dup"}, {"dup2"},
    {"dup3"}, {"ioctl"}, {"stat"}, {"fstat"}, {"lstat"}, {"newfstatat"}, {"statx"}, {"statfs"},
    {"fstatfs"}, {"access"}, {"faccessat"}, {"faccessat2"}, {"readlink"}, {"readlinkat"},
    {"getdents64"}, {"getcwd"}, {"chdir"}, {"fchdir"}, {"copy_file_range"}, {"sendfile"},
    {"fallocate"}, {"ftruncate"}, {"fadvise64"}, {"fsync"}, {"fdatasync"}, {"sync"}, {"syncfs"},
    {"sync_file_range"}, {"mkdir"}, {"mkdirat"}, {"mknod"}, {"mknodat"}, {"link"}, {"linkat"},
    {"symlink"}, {"symlinkat"}, {"unlink"}, {"unlinkat"}, {"rmdir"}, {"rename"}, {"renameat"},
    {"renameat2"}, {"chmod"}, {"fchmod"}, {"fchmodat"}, {"chown"}, {"fchown"}, {"lchown"},
    {"fchownat"}, {"utimensat"}, {"umask"}, {"getxattr"}, {"lgetxattr"}, {"fgetxattr"},
    {"listxattr"}, {"llistxattr"}, {"flistxattr"}, {"setxattr"}, {"lsetxattr"}, {"fsetxattr"},
    {"mmap"}, {"munmap"}, {"mremap"}, {"mprotect"}, {"madvise"}, {"brk"}, {"futex"},
    {"set_robust_list"}, {"rseq"}, {"membarrier"}, {"sched_yield"}, {"sched_getaffinity"}, {"exit"},
    {"exit_group"}, {"restart_syscall"}, {"prctl"}, {"sendto"}, {"recvfrom"}, {"sendmsg"},
    {"recvmsg"}, {"shutdown"}, {"getsockopt"}, {"epoll_create1"}, {"epoll_ctl"}, {"epoll_wait"},
    {"epoll_pwait"}, {"epoll_pwait2"}, {"eventfd2"}, {"timerfd_create"}, {"timerfd_settime"}, {"signalfd4"}, {"poll"},
    {"ppoll"}, {"rt_sigaction"}, {"rt_sigprocmask"}, {"rt_sigreturn"}, {"sigaltstack"}, {"tgkill"},
    {"getpid"}, {"gettid"}, {"getuid"}, {"geteuid"}, {"getgid"}, {"getegid"}, {"prlimit64"},
    {"getrusage"}, {"uname"}, {"sysinfo"}, {"getrandom"}, {"gettimeofday"}, {"clock_gettime"},
    {"clock_getres"}, {"nanosleep"}, {"clock_nanosleep"},
};
// clang-format on

}  // namespace

Result<void> EnterEmptyRoot() {
  const UniqueFd fs(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!fs) return Error::FromErrno("fsopen tmpfs");
  if (syscall(SYS_fsconfig, fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return Error::FromErrno("make a tmpfs");
  }
  const UniqueFd root(static_cast<int>(
      syscall(SYS_fsmount, fs.get(), FSMOUNT_CLOEXEC,
              MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)));
  if (!root) return Error::FromErrno("fsmount");
  if (fchdir(root.get()) != 0 || chroot(".") != 0) return Error::FromErrno("enter an empty root");
  return Ok();
}

Result<void> KeepCapabilities(std::span<const int> capabilities) {
  const auto kept = [&](int c) {
    return std::find(capabilities.begin(), capabilities.end(), c) != capabilities.end();
  };
  __user_cap_data_struct data[2] = {};
  // The bounding set ends where the kernel says EINVAL.
  for (int c = 0; prctl(PR_CAPBSET_READ, c) >= 0; ++c) {
    if (!kept(c) && prctl(PR_CAPBSET_DROP, c) != 0 && errno != EPERM) {
      return Error::FromErrno("drop a capability");
    }
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (syscall(SYS_capget, &header, data) != 0) return Error::FromErrno("capget");
  for (int word = 0; word < 2; ++word) {
    uint32_t mask = 0;
    for (const int c : capabilities) {
      if (c / 32 == word) mask |= 1u << (c % 32);
    }
    data[word].permitted &= mask;
    data[word].effective = data[word].permitted;
    data[word].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) != 0) return Error::FromErrno("capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::FromErrno("no_new_privs");
  return Ok();
}

Result<void> KeepFileCalls() { return sys::AllowOnly(kFileCalls, "worker"); }

}  // namespace cove::image
