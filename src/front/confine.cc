#include "front/confine.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "sys/allow_calls.h"

namespace cove::front {
namespace {

using sys::AllowedCall;

constexpr uint64_t kAll = 0xffffffff;  // the kernel looks at 32 bits of a family

// Measured with the tests (those that run and those that a full disk, a restart and a drain bring
// up), and their near relatives: what the C library, SQLite, OpenSSL or Boost may choose instead on
// another version of the system. Grouped by who needs them.
constexpr AllowedCall kCalls[] = {
    // connections
    {"socket", 0, kAll, AF_UNIX},
    {"socket", 0, kAll, AF_INET},
    {"socket", 0, kAll, AF_INET6},
    {"socket", 0, kAll, AF_NETLINK},  // getaddrinfo asks which families this machine has
    {"socketpair"},
    {"bind"},
    {"listen"},
    {"accept"},
    {"accept4"},
    {"connect"},
    {"shutdown"},
    {"getsockname"},
    {"getpeername"},
    {"getsockopt"},
    {"setsockopt"},
    {"sendto"},
    {"recvfrom"},
    {"sendmsg"},
    {"recvmsg"},
    {"sendmmsg"},
    {"recvmmsg"},
    {"pipe2"},
    {"splice"},
    {"tee"},
    {"sendfile"},
    {"ioctl"},
    // the loop
    {"epoll_create1"},
    {"epoll_ctl"},
    {"epoll_wait"},
    {"epoll_pwait"},
    {"epoll_pwait2"},
    {"eventfd2"},
    {"timerfd_create"},
    {"timerfd_settime"},
    {"timerfd_gettime"},
    {"signalfd4"},
    {"poll"},
    {"ppoll"},
    {"select"},
    {"pselect6"},
    // files of its own: database, audit, keys
    {"read"},
    {"write"},
    {"readv"},
    {"writev"},
    {"pread64"},
    {"pwrite64"},
    {"open"},
    {"openat"},
    {"openat2"},
    {"close"},
    {"close_range"},
    {"lseek"},
    {"dup"},
    {"dup2"},
    {"dup3"},
    {"fcntl"},
    {"flock"},
    {"stat"},
    {"fstat"},
    {"lstat"},
    {"newfstatat"},
    {"statx"},
    {"statfs"},
    {"fstatfs"},
    {"access"},
    {"faccessat"},
    {"faccessat2"},
    {"readlink"},
    {"readlinkat"},
    {"getcwd"},
    {"getdents64"},
    {"ftruncate"},
    {"fallocate"},
    {"fsync"},
    {"fdatasync"},
    {"mkdir"},
    {"mkdirat"},
    {"rename"},
    {"renameat"},
    {"renameat2"},
    {"link"},
    {"linkat"},
    {"unlink"},
    {"unlinkat"},
    {"rmdir"},
    {"chmod"},
    {"fchmod"},
    {"fchmodat"},
    {"fchown"},
    {"utimensat"},
    {"umask"},
    {"fadvise64"},
    // memory and threads
    {"mmap"},
    {"munmap"},
    {"mremap"},
    {"mprotect"},
    {"madvise"},
    {"mincore"},
    {"mlock"},
    {"munlock"},
    {"brk"},
    {"clone", 0, CLONE_THREAD, CLONE_THREAD},
    {"futex"},
    {"set_robust_list"},
    {"get_robust_list"},
    {"rseq"},
    {"membarrier"},
    {"sched_yield"},
    {"sched_getaffinity"},
    {"getcpu"},
    {"exit"},
    {"exit_group"},
    {"restart_syscall"},
    {"arch_prctl"},
    {"prctl"},
    // signals
    {"rt_sigaction"},
    {"rt_sigprocmask"},
    {"rt_sigreturn"},
    {"rt_sigtimedwait"},
    {"sigaltstack"},
    {"tgkill"},
    // what is known anyway
    {"getpid"},
    {"getppid"},
    {"gettid"},
    {"getuid"},
    {"geteuid"},
    {"getgid"},
    {"getegid"},
    {"getrlimit"},
    {"prlimit64"},
    {"getrusage"},
    {"times"},
    {"uname"},
    {"sysinfo"},
    {"getrandom"},
    {"gettimeofday"},
    {"time"},
    {"clock_gettime"},
    {"clock_getres"},
    {"nanosleep"},
    {"clock_nanosleep"},
};

}  // namespace

Result<void> Confine() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return Error::FromErrno("setrlimit RLIMIT_CORE");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error::FromErrno("PR_SET_DUMPABLE");
  return sys::AllowOnly(kCalls, "front");
}

}  // namespace cove::front
