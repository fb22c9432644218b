#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "init/child.h"
#include "proto/boot.h"

namespace cove::init {
namespace {

namespace boot = proto::boot;

// Puts every descriptor to its number and closes all others. First all go out of the way, since any
// source may lie on another's target.
void ArrangeDescriptors(Child& child, const ChildIdentity& identity, const ChildSockets& sockets,
                        int inner_userns) {
  int from[kFixedFdsMax] = {identity.listener(), inner_userns,   identity.seccomp(),
                            sockets.tcp4,        sockets.tcp6,   sockets.dns_udp,
                            sockets.dns_tcp,     identity.oom(), identity.oom_event()};
  size_t count = boot::kCgroupFd - boot::kToolboxListenerFd;
  for (size_t i = 0; i < identity.order.cgroups; ++i) from[count++] = identity.cgroup(i);
  from[count++] = child.control();

  for (size_t i = 0; i < count; ++i) {
    from[i] = child.Need(fcntl(from[i], F_DUPFD_CLOEXEC, kParkedFds), BoxStep::kDescriptors);
  }
  child.set_control(from[count - 1]);
  for (size_t i = 0; i < count; ++i) {
    const int to = boot::kToolboxListenerFd + static_cast<int>(i);
    child.Need(dup3(from[i], to, O_CLOEXEC), BoxStep::kDescriptors);
  }
  const int end = boot::kToolboxListenerFd + static_cast<int>(count);
  child.set_control(end - 1);
  child.Need(syscall(SYS_close_range, end, ~0U, 0), BoxStep::kDescriptors);
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

// From here on the process is the toolbox's uid with nothing. No no_new_privs: sudo has to work for
// its children.
void DropPrivileges(Child& child) {
  child.Need(syscall(SYS_setgroups, 0, nullptr), BoxStep::kPrivileges);
  const auto id = boot::kToolboxUid;
  child.Need(syscall(SYS_setresgid, id, id, id), BoxStep::kPrivileges);
  child.Need(syscall(SYS_setresuid, id, id, id), BoxStep::kPrivileges);
  // Nothing is left to inherit either: what init/become.h came in with was kept over one exec.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  child.Need(syscall(SYS_capset, &header, none), BoxStep::kPrivileges);
  child.Need(setsid(), BoxStep::kPrivileges);
  umask(022);
}

}  // namespace

// The empty bounding set keeps a setuid file of the image from giving the toolbox itself anything;
// entering the inner user namespace fills it again, for that namespace only.
void BoundPrivileges(Child& child) {
  ClampLimits(child);
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    child.Need(prctl(PR_CAPBSET_DROP, capability), BoxStep::kPrivileges);
  }
}

void TakeIdentity(Child& child, const ChildIdentity& identity, const ChildSockets& sockets,
                  int inner_userns) {
  ArrangeDescriptors(child, identity, sockets, inner_userns);
  DropPrivileges(child);
  OpenStdio(child);
  child.EndPhase(kPhaseReady);
  // Should the helper of the inner user namespace still be dying, PID 1 reaps it as any orphan.
  signal(SIGCHLD, SIG_DFL);
  child.SendReady({boot::kTcp4Fd, boot::kTcp6Fd, boot::kDnsUdpFd, boot::kDnsTcpFd});
}

}  // namespace cove::init
