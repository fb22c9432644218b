#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "proto/boot.h"
#include "sandbox/child.h"

namespace cove::sandbox {
namespace {

namespace boot = proto::boot;

constexpr int kHigh = 128;  // above every fixed number
constexpr size_t kFixedMax = 32;

struct Arranged {
  int executable;
  int sockets[4];
};

// Puts every descriptor to its number and closes all others. First all go out of the way, since any
// source may lie on another's target.
Arranged ArrangeDescriptors(Child& child, const ChildExec& exec, const ChildSockets& sockets,
                            int inner_userns) {
  int from[kFixedMax] = {exec.listener(), inner_userns,    exec.seccomp(),  sockets.tcp4,
                         sockets.tcp6,    sockets.dns_udp, sockets.dns_tcp, exec.oom()};
  size_t count = boot::kCgroupFd - boot::kToolboxListenerFd;
  for (size_t i = 0; i < exec.order.cgroups; ++i) from[count++] = exec.cgroup(i);
  const size_t inherited = count;
  from[count++] = child.toolbox();
  from[count++] = child.control();

  for (size_t i = 0; i < count; ++i) {
    from[i] = child.Need(fcntl(from[i], F_DUPFD_CLOEXEC, kHigh), BoxStep::kDescriptors);
  }
  child.set_control(from[count - 1]);
  for (size_t i = 0; i < count; ++i) {
    const int to = boot::kToolboxListenerFd + static_cast<int>(i);
    child.Need(dup3(from[i], to, i < inherited ? 0 : O_CLOEXEC), BoxStep::kDescriptors);
  }
  const int end = boot::kToolboxListenerFd + static_cast<int>(count);
  child.set_control(end - 1);
  child.Need(syscall(SYS_close_range, end, ~0U, 0), BoxStep::kDescriptors);
  return {end - 2, {boot::kTcp4Fd, boot::kTcp6Fd, boot::kDnsUdpFd, boot::kDnsTcpFd}};
}

void OpenStdio(Child& child) {
  const int null = child.Need(open("/dev/null", O_RDWR | O_CLOEXEC), BoxStep::kStdio);
  const int log = child.Need(open("/run/cove-toolbox/toolbox.log",
                                  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600),
                             BoxStep::kStdio);
  child.Need(dup2(null, 0), BoxStep::kStdio);
  child.Need(dup2(null, 1), BoxStep::kStdio);
  child.Need(dup2(log, 2), BoxStep::kStdio);
  close(null);
  close(log);
}

// Limits are only ever lowered: without CAP_SYS_RESOURCE nothing else is possible.
void ClampLimits(Child& child) {
  rlimit files{};
  child.Need(getrlimit(RLIMIT_NOFILE, &files), BoxStep::kPrivileges);
  files.rlim_cur = files.rlim_max;
  child.Need(setrlimit(RLIMIT_NOFILE, &files), BoxStep::kPrivileges);
  const rlimit no_core{0, 0};
  child.Need(setrlimit(RLIMIT_CORE, &no_core), BoxStep::kPrivileges);
}

// From here on the process is the toolbox's uid with nothing. The empty bounding set keeps a setuid
// file of the image from giving the toolbox itself anything; entering the inner user namespace
// fills it again, for that namespace only. No no_new_privs: sudo has to work for its children.
void DropPrivileges(Child& child) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    child.Need(prctl(PR_CAPBSET_DROP, capability), BoxStep::kPrivileges);
  }
  child.Need(syscall(SYS_setgroups, 0, nullptr), BoxStep::kPrivileges);
  const auto id = boot::kToolboxUid;
  child.Need(syscall(SYS_setresgid, id, id, id), BoxStep::kPrivileges);
  child.Need(syscall(SYS_setresuid, id, id, id), BoxStep::kPrivileges);
  child.Need(setsid(), BoxStep::kPrivileges);
  umask(022);
}

}  // namespace

void BecomeToolbox(Child& child, const ChildExec& exec, const ChildSockets& sockets,
                   int inner_userns) {
  const Arranged fds = ArrangeDescriptors(child, exec, sockets, inner_userns);
  ClampLimits(child);
  DropPrivileges(child);
  OpenStdio(child);
  child.EndPhase(kPhaseReady);
  // Should the helper of the inner user namespace still be dying, PID 1 reaps it as any orphan.
  signal(SIGCHLD, SIG_DFL);
  child.SendReady(fds.sockets);
  syscall(SYS_execveat, fds.executable, "", child.plan().argv[exec.order.profile],
          child.plan().envp, AT_EMPTY_PATH);
  child.Fail(BoxStep::kExec, errno);
}

}  // namespace cove::sandbox
