#include "sandbox/driver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <map>
#include <set>

#include "async/fd_watch.h"
#include "log/log.h"
#include "proto/boot.h"
#include "sandbox/launch.h"
#include "sandbox/rules.h"
#include "sandbox/seccomp_profile.h"
#include "sys/cgroup_moves.h"
#include "sys/cgroup_spares.h"
#include "sys/process.h"
#include "sys/small_file.h"

namespace cove::sandbox {
namespace {

namespace boot = proto::boot;
using sys::CgroupPart;

// Processes stop at their next return to user mode; one that the disk holds up takes longer.
constexpr auto kFreezeLimit = seconds(5);
// As many as come and go at a time; each holds some 100 KiB of the kernel's.
constexpr size_t kSpares = 32;
constexpr auto kRemoveRetryFirst = milliseconds(1);
constexpr auto kRemoveRetryMax = milliseconds(50);

Result<void> MakeOwned(const std::string& path, mode_t mode, uid_t owner) {
  RETURN_IF_ERROR(sys::MakeDir(path, mode));
  if (lchown(path.c_str(), owner, owner) != 0) {
    return Error::FromErrno("cannot set the owner of " + path);
  }
  return Ok();
}

// What SocketAddress, protocol and namespace a kept socket must have. The toolbox is not trusted
// to have kept what it was given.
struct Expected {
  int fd;
  int family;
  int type;
  uint16_t port;
};

Result<void> CheckSocket(int fd, const Expected& want, const struct stat& netns) {
  const auto wrong = [&want](const char* what) {
    return Error(Code::kDenied, "descriptor " + std::to_string(want.fd) +
                                    " of the toolbox is not the listener it was given: " + what);
  };
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return wrong("no socket");
  int type = 0;
  int listening = 0;
  socklen_t length = sizeof type;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
  length = sizeof listening;
  getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
  if (address.ss_family != want.family || type != want.type) return wrong("type");
  if ((want.type == SOCK_STREAM) != (listening != 0)) return wrong("not listening");

  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  const bool bound =
      want.family == AF_INET
          ? v4->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && v4->sin_port == htons(want.port)
          : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) && v6->sin6_port == htons(want.port);
  if (!bound) return wrong("address");

  const UniqueFd ns(ioctl(fd, SIOCGSKNS));
  struct stat own{};
  if (!ns || fstat(ns.get(), &own) != 0 || own.st_ino != netns.st_ino ||
      own.st_dev != netns.st_dev) {
    return wrong("network namespace");
  }
  return Ok();
}

Result<BoxSockets> TakeSockets(int pidfd, pid_t pid) {
  struct stat netns{};
  if (stat(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), &netns) != 0) {
    return Error::FromErrno("cannot look at the sandbox's network namespace");
  }
  BoxSockets sockets;
  const std::pair<UniqueFd*, Expected> wanted[] = {
      {&sockets.tcp4, {boot::kTcp4Fd, AF_INET, SOCK_STREAM, boot::kTcpPort}},
      {&sockets.tcp6, {boot::kTcp6Fd, AF_INET6, SOCK_STREAM, boot::kTcpPort}},
      {&sockets.dns_udp, {boot::kDnsUdpFd, AF_INET, SOCK_DGRAM, boot::kDnsPort}},
      {&sockets.dns_tcp, {boot::kDnsTcpFd, AF_INET, SOCK_STREAM, boot::kDnsPort}}};
  for (const auto& [slot, want] : wanted) {
    ASSIGN_OR_RETURN(*slot, sys::PidfdGetFd(pidfd, want.fd));
    RETURN_IF_ERROR(CheckSocket(slot->get(), want, netns));
  }
  return sockets;
}

class Driver final : public NamespaceDriver {
 public:
  Driver(LaunchKit kit, size_t shells)
      : kit_(std::move(kit)), stock_(kit_, shells), spares_(kit_.cgroups, kSpares) {}

  Task<Result<RunningBox>> Start(BoxSpec spec) override {
    Launch launch(kit_, stock_, spares_, std::move(spec));
    co_return co_await launch.Run();
  }

  Result<RunningBox> Adopt(SandboxId id, pid_t pid, uint64_t start_time) override {
    RunningBox box;
    ASSIGN_OR_RETURN(box.pidfd, sys::PidfdOpen(pid));
    // Only now: the pidfd holds on to whatever has this pid, and the start time says what that is.
    ASSIGN_OR_RETURN(box.start_time, sys::StartTime(pid));
    if (box.start_time != start_time) {
      return Error(Code::kGone, "the sandbox has ended; another process has its pid");
    }
    ASSIGN_OR_RETURN(box.sockets, TakeSockets(box.pidfd.get(), pid));
    ASSIGN_OR_RETURN(box.oom_event, kit_.cgroups.OpenOomEvent(id.value));
    box.id = std::move(id);
    box.pid = pid;
    return box;
  }

  Result<void> Kill(const RunningBox& box) override {
    auto killed = sys::PidfdSignal(box.pidfd.get(), SIGKILL);
    if (!killed && killed.error().code() != Code::kGone) return killed;
    // A frozen process of cgroup v1 dies only once it is thawed.
    return kit_.cgroups.Thaw(box.id.value);
  }

  Result<void> KillUnrecorded(SandboxId id) override {
    RETURN_IF_ERROR(kit_.cgroups.Thaw(id.value));
    for (const CgroupPart part : {CgroupPart::kToolbox, CgroupPart::kWork}) {
      RETURN_IF_ERROR(KillPart(id.value, part));
    }
    return Ok();
  }

  Task<BoxExit> WaitExit(const RunningBox& box) override {
    async::FdWatch watch(box.pidfd.get());
    pollfd ended{box.pidfd.get(), POLLIN, 0};
    while (poll(&ended, 1, 0) <= 0) co_await watch.Readable();
    BoxExit exit;
    if (const auto status = sys::ExitStatus(box.pidfd.get())) {
      exit.known = true;
      exit.status = *status;
    }
    if (const auto kills = kit_.cgroups.OomKills(box.id.value)) exit.oom_kills = *kills;
    co_return exit;
  }

  Task<Result<void>> RemoveCgroups(SandboxId id, TimePoint deadline) override {
    for (Duration wait = kRemoveRetryFirst;; wait = std::min<Duration>(wait * 2, kRemoveRetryMax)) {
      using Keeping = sys::CgroupSpares::Keeping;
      const Keeping keeping = spares_.Keep(id.value);
      if (keeping == Keeping::kKept) co_return Ok();
      if (keeping == Keeping::kNot) {
        CO_ASSIGN_OR_RETURN(const bool removed, kit_.cgroups.Remove(id.value));
        if (removed) co_return Ok();
      }
      if (Now() >= deadline) {
        co_return Error(Code::kTimeout, "processes of sandbox " + id.value + " do not end");
      }
      co_await async::Sleep(wait);
    }
  }

  Result<std::vector<SandboxId>> ListCgroups() override {
    ASSIGN_OR_RETURN(auto names, kit_.cgroups.List());
    std::vector<SandboxId> ids;
    for (std::string& name : names) ids.emplace_back(std::move(name));
    return ids;
  }

  Result<void> Resize(SandboxId id, const proto::runner::Limits& limits) override {
    return kit_.cgroups.SetLimits(id.value, CgroupPart::kWork, WorkLimits(limits));
  }
  Task<Result<void>> Pause(SandboxId id) override {
    CO_RETURN_IF_ERROR(kit_.cgroups.Freeze(id.value));
    const TimePoint deadline = Now() + kFreezeLimit;
    for (Duration wait = kRemoveRetryFirst;; wait = std::min<Duration>(wait * 2, kRemoveRetryMax)) {
      auto frozen = kit_.cgroups.IsFrozen(id.value);
      if (frozen.ok() && *frozen) break;
      if (!frozen.ok() || Now() >= deadline) {
        (void)kit_.cgroups.Thaw(id.value);
        if (!frozen.ok()) co_return std::move(frozen).error();
        co_return Error(Code::kTimeout,
                        "a process of the sandbox cannot be stopped (it waits for a disk or "
                        "another device); try again");
      }
      co_await async::Sleep(wait);
    }
    co_return kit_.cgroups.SetSwap(id.value, sys::CgroupTree::Swap::kAllowed);
  }
  Result<void> Resume(SandboxId id) override {
    RETURN_IF_ERROR(kit_.cgroups.SetSwap(id.value, sys::CgroupTree::Swap::kForbidden));
    return kit_.cgroups.Thaw(id.value);
  }
  Result<bool> IsPaused(SandboxId id) override { return kit_.cgroups.IsFrozen(id.value); }
  Result<sys::Reclaim> OpenReclaim(SandboxId id) override {
    return kit_.cgroups.OpenReclaim(id.value);
  }
  Result<uint64_t> OomKills(SandboxId id) override { return kit_.cgroups.OomKills(id.value); }
  bool WeighsIo() const override { return kit_.cgroups.Has("io"); }

  bool SocketsApart() override { return kit_.cgroups.SocketsApart(); }
  Result<uint64_t> BeyondMemory(SandboxId id, uint64_t uncounted) override {
    return kit_.cgroups.BeyondMemory(id.value, uncounted);
  }
  std::vector<sys::Network> NetworksOf(SandboxId id) override {
    const auto threads = kit_.cgroups.Threads(id.value, CgroupPart::kWork);
    if (!threads) return {};
    std::vector<sys::Network> out = sys::NetworksOf(*threads);
    const auto still = kit_.cgroups.Threads(id.value, CgroupPart::kWork);
    if (!still) return {};
    const std::set<pid_t> theirs(still->begin(), still->end());
    for (sys::Network& one : out) {
      std::erase_if(one.threads, [&](const pid_t thread) { return !theirs.contains(thread); });
    }
    return out;
  }
  Result<sys::Unaccepted> UnacceptedIn(const sys::Network& network) override {
    return sys::UnacceptedIn(network);
  }
  Result<uint64_t> SocketBuffersInAll() override { return kit_.cgroups.SocketBuffersInAll(); }
  uint64_t FilesOf(SandboxId id) override {
    const auto pids = kit_.cgroups.Processes(id.value, CgroupPart::kWork);
    uint64_t files = 0;
    for (const pid_t pid : pids ? *pids : std::vector<pid_t>()) files += sys::OpenFiles(pid);
    return files;
  }
  Result<void> KillForMemory(const RunningBox& box) override {
    const auto told = sys::PidfdSignal(box.pidfd.get(), boot::kOutOfMemorySignal);
    RETURN_IF_ERROR(KillPart(box.id.value, CgroupPart::kWork));
    return told;
  }

 private:
  // A pid read from cgroup.procs may be another's by the time it is opened, so membership is asked
  // again while the pidfd holds on to it.
  Result<void> KillPart(const std::string& box, CgroupPart part) {
    ASSIGN_OR_RETURN(const auto first, kit_.cgroups.Processes(box, part));
    std::map<pid_t, UniqueFd> held;
    for (const pid_t pid : first) {
      if (auto pidfd = sys::PidfdOpen(pid)) held[pid] = *std::move(pidfd);
    }
    ASSIGN_OR_RETURN(const auto still, kit_.cgroups.Processes(box, part));
    for (const pid_t pid : still) {
      const auto it = held.find(pid);
      if (it == held.end()) continue;
      auto killed = sys::PidfdSignal(it->second.get(), SIGKILL);
      if (!killed && killed.error().code() != Code::kGone) return killed;
    }
    return Ok();
  }

  LaunchKit kit_;
  ShellStock stock_;
  sys::CgroupSpares spares_;
};

}  // namespace

Result<void> PrepareBoxDir(const std::string& box_dir, const std::string& hostname) {
  RETURN_IF_ERROR(MakeOwned(box_dir, 0700, 0));
  RETURN_IF_ERROR(MakeOwned(box_dir + "/upper", 0755, 0));
  RETURN_IF_ERROR(MakeOwned(box_dir + "/work", 0700, 0));
  RETURN_IF_ERROR(MakeOwned(box_dir + "/upper/etc", 0755, 0));
  const std::string hosts = box_dir + "/upper/etc/hosts";
  {
    ASSIGN_OR_RETURN(const UniqueFd file, sys::Open(hosts, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644));
  }
  RETURN_IF_ERROR(
      sys::WriteFile(hosts, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" +
                                std::string(boot::kAddress4) + " " + hostname + "\n"));
  return MakeOwned(box_dir + "/state", 0700, boot::kToolboxUid);
}

Result<std::unique_ptr<NamespaceDriver>> NamespaceDriver::Make(DriverOptions options) {
  LaunchKit kit;
  ASSIGN_OR_RETURN(kit.toolbox, sys::SealedExecutable(options.toolbox_path));
  ASSIGN_OR_RETURN(kit.control_slot, sys::Open("/dev/null", O_RDWR));
  for (const proto::Profile profile : {proto::Profile::kDefault, proto::Profile::kStrict}) {
    for (const FileMarks marks : {FileMarks::kAllowed, FileMarks::kDenied}) {
      ASSIGN_OR_RETURN(const std::string program, SeccompProgram(profile, marks));
      ASSIGN_OR_RETURN(kit.seccomp[static_cast<size_t>(profile)][static_cast<size_t>(marks)],
                       sys::SealedBytes("cove-seccomp", program));
    }
  }
  ASSIGN_OR_RETURN(kit.cgroups, sys::CgroupTree::Open(std::move(options.cgroup_parent)));
  if (auto quick = sys::FavorCgroupMoves()) {
    kit.quick_moves = *std::move(quick);
  } else {
    log::Warn("cgroups.slow_moves", {{"why", quick.error().message()}});
  }
  kit.routes = sys::LoopbackOnlyNetwork(boot::kAddress4, boot::kAddress6);
  kit.rules = BoxRules();
  return std::unique_ptr<NamespaceDriver>(std::make_unique<Driver>(std::move(kit), options.shells));
}

}  // namespace cove::sandbox
