// Re-entering namespaces of others, and what a namespace of our own gives.
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "attempt.h"

namespace cove::escape {
namespace {

constexpr const char* kKinds[] = {"net", "mnt", "pid", "user", "ipc", "uts", "cgroup", "time"};

Outcome EnterOfPidOne() {
  Tries t;
  for (const char* kind : kKinds) {
    const std::string path = std::string("/proc/1/ns/") + kind;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    t.Fails(path, fd < 0 ? -1 : setns(fd, 0));
  }
  return t.End();
}

Outcome EnterByPidfd() {
  Tries t;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, 1, 0));
  for (const int flag : {CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWIPC,
                         CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWUSER | CLONE_NEWNS}) {
    t.Fails("setns(pidfd of PID 1)", fd < 0 ? -1 : setns(fd, flag));
  }
  return t.End();
}

// The owner and the parent of what we are in are not handed out.
Outcome ClimbUp() {
  Tries t;
  for (const char* kind : kKinds) {
    const int own = open((std::string("/proc/self/ns/") + kind).c_str(), O_RDONLY | O_CLOEXEC);
    t.Works(std::string("own ns/") + kind, own);
    const int owner = ioctl(own, NS_GET_USERNS);
    if (owner >= 0) t.Fails(std::string("the owner of ns/") + kind, setns(owner, CLONE_NEWUSER));
  }
  const int user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
  const int parent = ioctl(user, NS_GET_PARENT);
  t.Fails("the parent user namespace", parent < 0 ? -1 : setns(parent, CLONE_NEWUSER));
  t.Fails("the same user namespace again", setns(user, CLONE_NEWUSER));
  const int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  t.Fails("the own network namespace", setns(net, CLONE_NEWNET));
  return t.End();
}

Outcome NewWithoutUser() {
  Tries t;
  for (const int flag : {CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS,
                         CLONE_NEWCGROUP, 0x80}) {
    if (IsRoot() && Given("PROFILE") == "default") break;  // root inside may: see the next ones
    t.Fails("unshare", unshare(flag));
  }
  t.Holds("tried", true);
  return t.End();
}

// Root of a network namespace of one's own may make any card in it; none leads anywhere.
Outcome NestedNetwork() {
  Tries t;
  if (!EnterNested(CLONE_NEWNET)) {
    t.Holds("no namespaces at all", Given("PROFILE") == "strict");
    return t.End();
  }
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  t.Works("socket", fd);
  ifreq request{};
  std::snprintf(request.ifr_name, IFNAMSIZ, "lo");
  request.ifr_flags = IFF_UP;
  t.Works("lo up", ioctl(fd, SIOCSIFFLAGS, &request));
  sockaddr_in far{};
  far.sin_family = AF_INET;
  far.sin_port = htons(53);
  far.sin_addr.s_addr = htonl(0x08080808);
  t.Fails("a way out of it", connect(fd, reinterpret_cast<sockaddr*>(&far), sizeof far));
  return t.End();
}

Outcome StrictHasNone() {
  Tries t;
  if (Given("PROFILE") != "strict") {
    t.Holds("nested ones are a feature of this profile", EnterNested(CLONE_NEWNS));
    return t.End();
  }
  for (const int flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC}) {
    t.FailsWith("unshare", unshare(flag), EPERM);
    t.FailsWith("clone", syscall(SYS_clone, flag | 17, nullptr, nullptr, nullptr, 0), EPERM);
  }
  t.FailsWith("clone3", syscall(SYS_clone3, nullptr, 0), ENOSYS);
  t.FailsWith("setns", setns(0, 0), EPERM);
  return t.End();
}

// Ids that are not ours cannot be mapped, so nothing of the toolbox or the host becomes ours.
Outcome ForeignIds() {
  Tries t;
  if (unshare(CLONE_NEWUSER) != 0) {
    t.Holds("no namespaces at all", Given("PROFILE") == "strict");
    return t.End();
  }
  for (const char* map : {"0 65536 1", "0 0 65537", "0 1000000000 1", "0 4294967294 1", "0 0 2"}) {
    t.CannotWrite("/proc/self/uid_map", map);
    t.CannotWrite("/proc/self/gid_map", map);
  }
  return t.End();
}

constexpr Attempt kAttempts[] = {
    {"namespace.enter_pid1", "no namespace of PID 1 opens", EnterOfPidOne},
    {"namespace.enter_pidfd", "EPERM for every kind", EnterByPidfd},
    {"namespace.climb", "neither owner nor parent can be entered", ClimbUp},
    {"namespace.unshare", "only with a user namespace of one's own", NewWithoutUser},
    {"namespace.nested_network", "nested: nothing but its own lo; strict: none", NestedNetwork},
    {"namespace.strict_has_none", "strict: EPERM; default: works", StrictHasNone},
    {"namespace.foreign_ids", "ids that are not the sandbox's cannot be mapped", ForeignIds},
};

}  // namespace

std::span<const Attempt> NamespaceAttempts() { return kAttempts; }

}  // namespace cove::escape
