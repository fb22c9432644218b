#include "init/become.h"

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

#include "init/child.h"

namespace cove::init {
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

// The kernel grows a table that two processes share only after an RCU grace period, and the helper
// of inner_userns.cc shares ours when the descriptors are arranged.
void GrowDescriptorTable(Child& child) {
  close(child.Need(fcntl(child.control(), F_DUPFD_CLOEXEC, kParkedFds + kFixedFdsMax),
                   BoxStep::kDescriptors));
}

void ReceiveRoot(Child& child, ChildRoot* root) {
  const auto first =
      child.Receive(&root->order, sizeof root->order, root->fds, std::size(root->fds));
  size_t have = first.fds;
  const size_t want = 2 + size_t{root->order.layers};
  if (first.size != sizeof root->order) child.Fail(BoxStep::kOrder, EPROTO);
  if (want > std::size(root->fds)) child.Fail(BoxStep::kOrder, E2BIG);
  while (have < want) {
    char byte;
    const size_t more = child.Receive(&byte, sizeof byte, root->fds + have, want - have).fds;
    if (more == 0) child.Fail(BoxStep::kOrder, EPROTO);
    have += more;
  }
}

void ReceiveIdentity(Child& child, ChildIdentity* identity) {
  const auto packet = child.Receive(&identity->order, sizeof identity->order, identity->fds,
                                    std::size(identity->fds));
  if (packet.size != sizeof identity->order ||
      packet.fds != ChildIdentity::kFds + identity->order.cgroups) {
    child.Fail(BoxStep::kOrder, EPROTO);
  }
}

void BecomeOuterRoot(Child& child, const RootOrder& order) {
  child.Need(syscall(SYS_setgroups, 0, nullptr), BoxStep::kOuterIds);
  child.Need(syscall(SYS_setresgid, 0, 0, 0), BoxStep::kOuterIds);
  child.Need(syscall(SYS_setresuid, 0, 0, 0), BoxStep::kOuterIds);
  umask(0);
  child.Need(sethostname(order.hostname, order.hostname_size), BoxStep::kHostname);
}

}  // namespace

Child::Child(int control) : control_(control), started_ns_(NowNs()) {}

Child::Packet Child::Receive(void* data, size_t max_size, int* fds, size_t max_fds) {
  iovec part{data, max_size};
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
  // The runner is gone: there is nobody to report to.
  if (n <= 0) _exit(1);
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  const size_t count = head == nullptr ? 0 : (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  if (count > max_fds || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    Fail(BoxStep::kOrder, EPROTO);
  }
  if (count > 0) std::memcpy(fds, CMSG_DATA(head), count * sizeof(int));
  return {static_cast<size_t>(n), count};
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

Became BecomeBox(int control) {
  static ChildRoot root;
  static ChildIdentity identity;
  prctl(PR_SET_NAME, "cove-shell");
  Child child(control);
  ResetSignals(child);
  GrowDescriptorTable(child);
  BoundPrivileges(child);
  const ChildSockets sockets = BuildNetwork(child);
  child.EndPhase(kPhaseNetwork);
  // As far as any box goes: a shell waits here, and ends when the runner does.
  ReceiveRoot(child, &root);
  child.RestartClock();
  BecomeOuterRoot(child, root.order);
  BuildRoot(child, root);
  const int inner = MakeInnerUserNs(child);
  child.EndPhase(kPhaseInner);
  ReceiveIdentity(child, &identity);
  child.Need(unshare(CLONE_NEWCGROUP), BoxStep::kCgroupNamespace);
  TakeIdentity(child, identity, sockets, inner);
  close(child.control());
  return {identity.order.cgroups, identity.order.profile};
}

}  // namespace cove::init
