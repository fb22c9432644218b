#include "sys/user_namespace.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/process.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

// A process that holds a user namespace and does nothing else.
class Holder {
 public:
  static Result<Holder> Make() {
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
    return Holder(static_cast<pid_t>(pid), UniqueFd(pidfd));
  }
  Holder(Holder&&) = default;
  ~Holder() {
    if (!pidfd_) return;
    (void)PidfdSignal(pidfd_.get(), SIGKILL);
    siginfo_t info{};
    while (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | __WALL) != 0 &&
           errno == EINTR) {
    }
  }
  std::string proc() const { return "/proc/" + std::to_string(pid_); }

 private:
  Holder(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  UniqueFd pidfd_;
};

}  // namespace

Result<UniqueFd> MakeUserNamespace(const std::string& uid_map, const std::string& gid_map) {
  ASSIGN_OR_RETURN(const Holder holder, Holder::Make());
  RETURN_IF_ERROR(WriteFile(holder.proc() + "/uid_map", uid_map));
  RETURN_IF_ERROR(WriteFile(holder.proc() + "/gid_map", gid_map));
  return Open(holder.proc() + "/ns/user", O_RDONLY);
}

}  // namespace cove::sys
