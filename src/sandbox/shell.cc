#include "sandbox/shell.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <random>
#include <vector>

#include "async/fd_watch.h"
#include "init/become.h"
#include "log/log.h"
#include "sys/process.h"

namespace cove::sandbox {
namespace {

constexpr int kNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// What a user namespace makes (inotify instances, namespaces, message queues) is counted for its
// owner, the effective uid of its maker, too, against what one user of the machine may have. So
// each shell has an owner of its own: else the first would take what the host's root and all others
// live on. The real uid goes along, or the exec in the new namespace would count as that of a
// setuid program, which keeps no ambient capability. The saved one stays root's, and our
// capabilities in effect. Source: user_namespaces(7), namespaces(7), capabilities(7).
class AsOwner {
 public:
  explicit AsOwner(uid_t uid) {
    if (syscall(SYS_setresuid, uid, uid, -1) != 0) return;
    is_owner_ = true;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capget, &header, data) != 0) return;
    for (auto& word : data) word.effective = word.permitted;
    (void)syscall(SYS_capset, &header, data);
  }
  ~AsOwner() {
    // A runner that stayed somebody else would do everything wrong.
    if (syscall(SYS_setresuid, 0, 0, -1) != 0) abort();
    (void)prctl(PR_SET_DUMPABLE, 1);  // the change of the uid took it
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
  bool is_owner() const { return is_owner_; }

 private:
  bool is_owner_ = false;
};

// Above every range of a box's users (runner/box_record.h), so that nobody is that user. Which one
// does not matter, so long as two shells that live at once hardly ever share it.
uid_t NextOwner() {
  constexpr uint32_t kFirst = 4'280'000'000;
  constexpr uint32_t kCount = 10'000'000;
  static uint32_t next = std::random_device{}() % kCount;
  return kFirst + next++ % kCount;
}

Result<void> SendPacket(int socket, iovec* parts, size_t count, const int* fds, size_t fd_count) {
  alignas(cmsghdr) char space[CMSG_SPACE(init::kFdsInPacket * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  if (fd_count > 0) {
    message.msg_control = space;
    message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    std::memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
  }
  ssize_t n;
  do {
    n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EPIPE && errno != ECONNRESET) {
    return Error::FromErrno("cannot instruct the child");
  }
  return Ok();
}

Result<void> OrderNetwork(int control, const LaunchKit& kit) {
  const std::string_view routes = kit.routes.bytes();
  const std::string_view rules = kit.rules.bytes();
  init::NetworkOrder order;
  order.routes_size = static_cast<uint32_t>(routes.size());
  order.routes_acks = kit.routes.acks();
  order.rules_size = static_cast<uint32_t>(rules.size());
  order.rules_acks = kit.rules.acks();
  iovec parts[] = {{&order, sizeof order},
                   {const_cast<char*>(routes.data()), routes.size()},
                   {const_cast<char*>(rules.data()), rules.size()}};
  return SendPacket(control, parts, std::size(parts), nullptr, 0);
}

// For the child, which shares our memory until it executes: we stand still meanwhile.
struct ExecPlan {
  int toolbox;
  int control;
  char* const* argv;
  char* const* envp;
};

// Over one exec by somebody who is no root of the namespace only ambient capabilities are kept.
bool KeepCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  for (auto& word : data) word.inheritable = word.permitted;
  if (syscall(SYS_capset, &header, data) != 0) return false;
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return false;
  }
  return true;
}

// The copy of our descriptors takes only those up to the two that are needed, however many boxes
// there are; the others close by the exec.
int ExecToolbox(void* argument) {
  const auto& plan = *static_cast<const ExecPlan*>(argument);
  const int last = std::max(plan.toolbox, plan.control);
  if (syscall(SYS_close_range, last + 1, ~0U, CLOSE_RANGE_UNSHARE) == 0 &&
      fcntl(plan.control, F_SETFD, 0) == 0 && KeepCapabilities()) {
    syscall(SYS_execveat, plan.toolbox, "", plan.argv, plan.envp, AT_EMPTY_PATH);
  }
  init::ChildReport report;
  report.step = init::BoxStep::kExec;
  report.error = errno;
  (void)send(plan.control, &report, sizeof report, MSG_NOSIGNAL);
  _exit(1);
}

}  // namespace

Result<Shell> Shell::Make(const LaunchKit& kit) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return Error::FromErrno("socketpair");
  }
  Shell shell;
  shell.control_.Reset(pair[0]);
  UniqueFd theirs(pair[1]);
  RETURN_IF_ERROR(OrderNetwork(pair[0], kit));
  const int control = kit.control_slot.get();
  if (dup3(theirs.get(), control, O_CLOEXEC) < 0) return Error::FromErrno("dup3");
  theirs.Reset();

  std::string name = "cove-toolbox";
  std::string option = init::kBecomeOption;
  std::string number = std::to_string(control);
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char* const argv[] = {name.data(), option.data(), number.data(), nullptr};
  char* const envp[] = {path.data(), nullptr};
  ExecPlan plan{kit.toolbox.get(), control, argv, envp};

  constexpr size_t kStackSize = 64 * 1024;
  alignas(16) static char stack[kStackSize];
  constexpr int kShared = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD;
  int pidfd = -1;
  int pid = -1;
  {
    const AsOwner owner(NextOwner());
    if (!owner.is_owner()) return Error::FromErrno("cannot own a user namespace: setresuid");
    pid = clone(ExecToolbox, stack + kStackSize, kNamespaces | kShared, &plan, &pidfd);
  }
  if (pid < 0) return Error::FromErrno("cannot clone into new namespaces");
  shell.pid_ = pid;
  shell.pidfd_.Reset(pidfd);
  // Its end must be the only one, or nobody would hear that it died.
  if (dup3(kit.toolbox.get(), control, O_CLOEXEC) < 0) return Error::FromErrno("dup3");
  ASSIGN_OR_RETURN(shell.start_time_, sys::StartTime(pid));
  return shell;
}

Shell::Shell(Shell&& other) noexcept
    : pid_(other.pid_),
      start_time_(other.start_time_),
      pidfd_(std::move(other.pidfd_)),
      control_(std::move(other.control_)) {}

// It has no children of its own yet or takes them along, so this is a moment; one that the disk
// holds up is left to the kernel rather than waited for by everybody.
void Shell::End() {
  if (!pidfd_) return;
  (void)sys::PidfdSignal(pidfd_.get(), SIGKILL);
  constexpr int kEndLimitMs = 500;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  while (poll(&ended, 1, kEndLimitMs) < 0 && errno == EINTR) {
  }
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG | __WALL) != 0 ||
      info.si_pid == 0) {
    log::Warn("shell.does_not_end", {{"pid", pid_}});
  }
}

bool Shell::Waits() const {
  pollfd said{control_.get(), POLLIN, 0};
  return poll(&said, 1, 0) == 0;
}

async::Task<Result<void>> Shell::Send(Order order, std::vector<int> fds, TimePoint deadline) const {
  char more = 0;
  iovec first{const_cast<void*>(order.data), order.size};
  iovec next{&more, 1};
  for (size_t sent = 0; sent < fds.size();) {
    const size_t count = std::min(fds.size() - sent, init::kFdsInPacket);
    auto done = SendPacket(control_.get(), sent == 0 ? &first : &next, 1, fds.data() + sent, count);
    if (done) {
      sent += count;
    } else if (done.error().sys_errno() != EAGAIN) {
      co_return done;
    } else if (async::FdWatch full(control_.get()); !co_await full.Writable(deadline)) {
      co_return Error(Code::kTimeout, "the sandbox's first process takes no orders");
    }
  }
  co_return Ok();
}

std::string Shell::LastWords() const {
  init::ChildReport report;
  if (recv(control_.get(), &report, sizeof report, MSG_DONTWAIT) != sizeof report ||
      report.step == init::BoxStep::kNone) {
    return "it was killed";
  }
  return init::StepText(report.step) + std::string(": ") + std::strerror(report.error);
}

}  // namespace cove::sandbox
