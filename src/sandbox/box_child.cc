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

// The parent says go twice: when it has written the id maps and mapped the mounts' owners, and when
// it has put us into our cgroups.
void AwaitGo(Child& child) {
  char byte;
  ssize_t n;
  do {
    n = recv(child.plan().control, &byte, 1, 0);
  } while (n < 0 && errno == EINTR);
  // The parent is gone: there is nobody to report to.
  if (n != 1) _exit(1);
}

void BecomeOuterRoot(Child& child) {
  child.Need(syscall(SYS_setgroups, 0, nullptr), BoxStep::kOuterIds);
  child.Need(syscall(SYS_setresgid, 0, 0, 0), BoxStep::kOuterIds);
  child.Need(syscall(SYS_setresuid, 0, 0, 0), BoxStep::kOuterIds);
  umask(0);
  child.Need(sethostname(child.plan().hostname, child.plan().hostname_size), BoxStep::kHostname);
}

}  // namespace

Child::Child(const BoxPlan& plan) : plan_(plan), control_(plan.control), started_ns_(NowNs()) {}

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

void RunBoxChild(const BoxPlan& plan) {
  Child child(plan);
  ResetSignals(child);
  // The network needs no id maps, so it is built while the parent does its part.
  const ChildSockets sockets = BuildNetwork(child);
  child.EndPhase(kPhaseNetwork);
  AwaitGo(child);
  child.EndPhase(kPhaseGo);
  BecomeOuterRoot(child);
  BuildRoot(child);
  const int inner = MakeInnerUserNs(child);
  child.EndPhase(kPhaseInner);
  AwaitGo(child);
  child.Need(unshare(CLONE_NEWCGROUP), BoxStep::kCgroupNamespace);
  BecomeToolbox(child, sockets, inner);
}

}  // namespace cove::sandbox
