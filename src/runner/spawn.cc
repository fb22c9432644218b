#include "runner/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "async/fd_watch.h"
#include "runner/spawn_child.h"
#include "sys/argv.h"

namespace cove::runner {
Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    Drop();
    pid_ = std::exchange(other.pid_, 0);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

void Child::Signal(int signal) const {
  if (pid_ != 0) syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

void Child::Drop() {
  if (pid_ == 0) return;
  Signal(SIGKILL);
  Reap();
}

int Child::Reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

async::Task<int> Child::Wait() {
  async::FdWatch watch(pidfd_.get());
  siginfo_t info{};
  for (;;) {
    info.si_pid = 0;
    const int rc =
        waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG | WNOWAIT);
    if (rc != 0 || info.si_pid != 0) break;
    co_await watch.Readable();
  }
  co_return Reap();
}

Result<Child> Spawn(const SpawnRequest& request) {
  std::vector<std::string> args = {"cove"};
  args.insert(args.end(), request.args.begin(), request.args.end());
  const auto argv = sys::Pointers(args);
  const auto envp = sys::Pointers(request.env);
  std::vector<int> from;
  for (const auto& [here, there] : request.fds) {
    if (there != 3 + static_cast<int>(from.size())) {
      return Error(Code::kInternal, "descriptors of a child are numbered from 3 on");
    }
    from.push_back(here);
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno("pipe");
  const UniqueFd report(ends[0]);
  UniqueFd child_report(ends[1]);
  const UniqueFd null_fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null_fd) return Error::FromErrno("open /dev/null");

  const UniqueFd parent(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!parent) return Error::FromErrno("pidfd_open");

  const ChildPlan plan{argv.data(),
                       envp.data(),
                       from.data(),
                       from.size(),
                       null_fd.get(),
                       child_report.get(),
                       request.unprivileged.has_value(),
                       request.unprivileged.value_or(0),
                       parent.get()};
  int pidfd = -1;
  clone_args clone{};
  clone.flags = CLONE_PIDFD | request.namespaces;
  clone.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  clone.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &clone, sizeof clone);
  if (pid < 0) return Error::FromErrno("start a process of our own");
  if (pid == 0) RunChild(plan);

  Child child(static_cast<pid_t>(pid), UniqueFd(pidfd));
  child_report.Reset();
  ChildFailure failure{};
  ssize_t n = 0;
  while ((n = read(report.get(), &failure, sizeof failure)) < 0 && errno == EINTR) {
  }
  if (n == sizeof failure) {
    return Error::FromErrno(
        std::string("start `cove ") + request.args.front() + "`: " + kChildSteps[failure.step],
        failure.err);
  }
  return child;
}

}  // namespace cove::runner
