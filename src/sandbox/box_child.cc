#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <iterator>

#include "sandbox/child.h"

namespace cove::sandbox {
namespace {

long NowNs() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// One packet of the report, with descriptors or none.
bool SendReport(int control, const ChildReport& report, const int* fds, size_t count) {
  iovec part{const_cast<ChildReport*>(&report), sizeof report};
  alignas(cmsghdr) char space[CMSG_SPACE(4 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = space;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(head), fds, count * sizeof(int));
  }
  ssize_t n;
  do {
    n = sendmsg(control, &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n == sizeof report;
}

// The runner blocks signals for its signalfd and ignores SIGPIPE; a program expects neither.
void ResetSignals(Child& child) {
  for (int number = 1; number < NSIG; ++number) {
    if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  child.Need(sigprocmask(SIG_SETMASK, &none, nullptr), BoxStep::kSignals);
}

void ReceiveRoot(Child& child, ChildRoot* root) {
  size_t have = child.Receive(&root->order, sizeof root->order, root->fds, std::size(root->fds));
  const size_t want = 2 + size_t{root->order.layers};
  if (want > std::size(root->fds)) child.Fail(BoxStep::kOrder, E2BIG);
  while (have < want) {
    char byte;
    have += child.Receive(&byte, sizeof byte, root->fds + have, want - have);
  }
}

void ReceiveExec(Child& child, ChildExec* exec) {
  const size_t have =
      child.Receive(&exec->order, sizeof exec->order, exec->fds, std::size(exec->fds));
  if (have != 3 + size_t{exec->order.cgroups}) child.Fail(BoxStep::kOrder, EPROTO);
}

void BecomeOuterRoot(Child& child, const RootOrder& order) {
  child.Need(syscall(SYS_setgroups, 0, nullptr), BoxStep::kOuterIds);
  child.Need(syscall(SYS_setresgid, 0, 0, 0), BoxStep::kOuterIds);
  child.Need(syscall(SYS_setresuid, 0, 0, 0), BoxStep::kOuterIds);
  umask(0);
  child.Need(sethostname(order.hostname, order.hostname_size), BoxStep::kHostname);
}

}  // namespace

Child::Child(const ShellPlan& plan)
    : plan_(plan), control_(plan.control), toolbox_(plan.toolbox), started_ns_(NowNs()) {}

void Child::KeepOnlyOwn() {
  constexpr int kFirst = STDERR_FILENO + 1;
  const int own[] = {control_, toolbox_};
  int moved[2];
  for (int i = 0; i < 2; ++i) {
    moved[i] = Need(fcntl(own[i], F_DUPFD_CLOEXEC, kFirst + 2), BoxStep::kDescriptors);
  }
  for (int i = 0; i < 2; ++i) {
    Need(dup3(moved[i], kFirst + i, O_CLOEXEC), BoxStep::kDescriptors);
  }
  control_ = kFirst;
  toolbox_ = kFirst + 1;
  Need(syscall(SYS_close_range, kFirst + 2, ~0U, 0), BoxStep::kDescriptors);
}

size_t Child::Receive(void* data, size_t size, int* fds, size_t max) {
  iovec part{data, size};
  alignas(cmsghdr) static char space[CMSG_SPACE(kFdsInPacket * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  ssize_t n;
  do {
    n = recvmsg(control_, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  // The parent is gone: there is nobody to report to.
  if (n <= 0) _exit(1);
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  const size_t count = head == nullptr ? 0 : (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  if (static_cast<size_t>(n) != size || count == 0 || count > max ||
      (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    Fail(BoxStep::kOrder, EPROTO);
  }
  std::memcpy(fds, CMSG_DATA(head), count * sizeof(int));
  return count;
}

void Child::RestartClock() { started_ns_ = NowNs(); }

uint32_t Child::Elapsed() const { return static_cast<uint32_t>((NowNs() - started_ns_) / 1000); }

void Child::EndPhase(BoxPhase phase) { report_.phase_us[phase] = Elapsed(); }

void Child::Fail(BoxStep step, int error, const char* detail) {
  report_.ready = false;
  report_.step = step;
  report_.error = error;
  for (size_t i = 0; detail != nullptr && detail[i] != '\0' && i + 1 < sizeof report_.detail; ++i) {
    report_.detail[i] = detail[i];
  }
  SendReport(control_, report_, nullptr, 0);
  _exit(1);
}

void Child::SendReady(const int (&sockets)[4]) {
  report_.ready = true;
  if (!SendReport(control_, report_, sockets, 4)) Fail(BoxStep::kReady, errno);
}

void RunBoxChild(const ShellPlan& plan) {
  static ChildRoot root;
  static ChildExec exec;
  Child child(plan);
  child.KeepOnlyOwn();
  ResetSignals(child);
  const ChildSockets sockets = BuildNetwork(child);
  child.EndPhase(kPhaseNetwork);
  // As far as any box goes: a shell waits here, and ends when its parent does.
  ReceiveRoot(child, &root);
  child.RestartClock();
  BecomeOuterRoot(child, root.order);
  BuildRoot(child, root);
  const int inner = MakeInnerUserNs(child);
  child.EndPhase(kPhaseInner);
  ReceiveExec(child, &exec);
  child.Need(unshare(CLONE_NEWCGROUP), BoxStep::kCgroupNamespace);
  BecomeToolbox(child, exec, sockets, inner);
}

}  // namespace cove::sandbox
