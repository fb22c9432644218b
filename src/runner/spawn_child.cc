#include "runner/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cove::runner {
namespace {

constexpr int kFdFirst = 3;
constexpr int kParking = 64;  // above every final number

[[noreturn]] void Fail(const ChildPlan& plan, int step) {
  const ChildFailure failure{step, errno};
  (void)!write(plan.error_fd, &failure, sizeof failure);
  _exit(127);
}

// Two passes: a descriptor may lie where another one has to go.
bool PlaceFds(const ChildPlan& plan, int* error_fd, int* parent_pidfd) {
  *error_fd = fcntl(plan.error_fd, F_DUPFD_CLOEXEC, kParking);
  *parent_pidfd = fcntl(plan.parent_pidfd, F_DUPFD_CLOEXEC, kParking);
  const int null_fd = fcntl(plan.null_fd, F_DUPFD_CLOEXEC, kParking);
  if (*error_fd < 0 || *parent_pidfd < 0 || null_fd < 0) return false;
  int parked[16];
  if (plan.fd_count > 16) return false;
  for (size_t i = 0; i < plan.fd_count; ++i) {
    parked[i] = fcntl(plan.from[i], F_DUPFD_CLOEXEC, kParking);
    if (parked[i] < 0) return false;
  }
  if (dup2(null_fd, 0) < 0 || dup2(2, 1) < 0) return false;
  for (size_t i = 0; i < plan.fd_count; ++i) {
    if (dup2(parked[i], kFdFirst + static_cast<int>(i)) < 0) return false;
  }
  const auto after = static_cast<unsigned>(kFdFirst) + static_cast<unsigned>(plan.fd_count);
  return syscall(SYS_close_range, after, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

bool GiveUpPrivileges(uid_t uid) {
  for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c) {
    // EPERM: a runner without CAP_SETPCAP; the change of uid empties the sets that count.
    if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EPERM) return false;
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return false;
  if (setgroups(0, nullptr) != 0 || setresgid(uid, uid, uid) != 0 ||
      setresuid(uid, uid, uid) != 0) {
    return false;
  }
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void ResetSignals() {
  for (int s = 1; s < NSIG; ++s) signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

void RunChild(const ChildPlan& given) {
  ChildPlan plan = given;
  ResetSignals();
  setsid();
  if (!PlaceFds(given, &plan.error_fd, &plan.parent_pidfd)) Fail(given, 0);
  if (plan.unprivileged && !GiveUpPrivileges(plan.uid)) Fail(plan, 1);
  // After the change of uid, which clears it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) Fail(plan, 2);
  // The parent may have died before that; in a new pid namespace getppid() would not tell.
  pollfd parent{plan.parent_pidfd, POLLIN, 0};
  if (poll(&parent, 1, 0) != 0) _exit(127);
  execve("/proc/self/exe", plan.argv, plan.envp);
  Fail(plan, 3);
}

}  // namespace cove::runner
