#include "sandbox/launch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "async/fd_watch.h"
#include "log/log.h"
#include "net/socket.h"
#include "proto/boot.h"
#include "sys/mounts.h"
#include "sys/process.h"
#include "sys/small_file.h"
#include "sys/user_namespace.h"

namespace cove::sandbox {
namespace {

namespace boot = proto::boot;
using sys::CgroupPart;

// The toolbox's own share: it forks, answers and copies files, but runs nothing of the user's.
constexpr sys::CgroupLimits kToolboxLimits = {
    .cpu_millis = 1000, .memory_bytes = 128ull << 20, .pids = 512};
// The user of a box that shares are mapped to: the one that commands run as.
constexpr uint32_t kShareUser = 1000;
constexpr auto kStartLimit = seconds(30);

}  // namespace

sys::CgroupLimits WorkLimits(const proto::runner::Limits& limits) {
  return {.cpu_millis = limits.cpu_millis,
          .memory_bytes = limits.memory_bytes,
          .pids = limits.pids,
          .io_weight = limits.io_weight};
}

Launch::~Launch() {
  if (!done_ && listener_) unlink(spec_.socket_path.c_str());
}

void Launch::Mark(const char* step) {
  marks_.emplace_back(step, std::chrono::duration_cast<microseconds>(Now() - started_).count());
}

Task<Result<RunningBox>> Launch::Run() {
  CO_RETURN_IF_ERROR(Check());
  deadline_ = Now() + kStartLimit;
  CO_RETURN_IF_ERROR(TakeShell());
  Mark("shell_us");
  CO_RETURN_IF_ERROR(OpenMounts());
  CO_RETURN_IF_ERROR(MapIds());
  CO_RETURN_IF_ERROR(MapOwners());
  CO_RETURN_IF_ERROR(co_await OrderRoot());
  Mark("order_us");
  // The child builds its root meanwhile.
  CO_RETURN_IF_ERROR(MakeListener());
  CO_RETURN_IF_ERROR(MakeCgroups());
  Mark("cgroups_us");
  CO_RETURN_IF_ERROR(co_await OrderIdentity());
  Mark("attach_us");
  if (spec_.record) CO_RETURN_IF_ERROR(spec_.record(box_.pid, box_.start_time));
  Mark("record_us");
  CO_RETURN_IF_ERROR(co_await AwaitReady());
  Mark("exec_us");
  LogTimings();
  box_.pidfd = shell_->Release();
  done_ = true;
  co_return std::move(box_);
}

Result<void> Launch::Check() const {
  if (spec_.layers.empty() || spec_.layers.size() > init::kBoxLayersMax) {
    return Error(Code::kInvalid, "an image has 1 to " + std::to_string(init::kBoxLayersMax) +
                                     " layers, not " + std::to_string(spec_.layers.size()));
  }
  if (spec_.hostname.empty() || spec_.hostname.size() > init::kHostnameMax) {
    return Error(Code::kInvalid, "a host name has 1 to 63 characters");
  }
  if (spec_.uid_base < boot::kUidSlot) {
    return Error(Code::kInvalid, "the box's uid range overlaps the host's own users");
  }
  if (spec_.shares.size() > init::kSharesMax) {
    return Error(Code::kInvalid,
                 "a sandbox has at most " + std::to_string(init::kSharesMax) + " shares");
  }
  for (const BoxShare& share : spec_.shares) {
    if (share.target.size() < 2 || share.target[0] != '/' ||
        share.target.size() > init::kShareTargetMax) {
      return Error(Code::kInvalid, "a share's target is an absolute path of at most " +
                                       std::to_string(init::kShareTargetMax) + " bytes");
    }
  }
  return Ok();
}

Result<void> Launch::TakeShell() {
  auto shell = stock_.Take();
  if (!shell) return std::move(shell).error();
  shell_.emplace(*std::move(shell));
  box_.id = spec_.id;
  box_.pid = shell_->pid();
  box_.start_time = shell_->start_time();
  return Ok();
}

Result<void> Launch::MakeListener() {
  if (unlink(spec_.socket_path.c_str()) != 0 && errno != ENOENT) {
    return Error::FromErrno("cannot remove the old " + spec_.socket_path);
  }
  ASSIGN_OR_RETURN(listener_, net::ListenUnix(spec_.socket_path));
  if (chown(spec_.socket_path.c_str(), 0, spec_.socket_gid) != 0 ||
      chmod(spec_.socket_path.c_str(), 0660) != 0) {
    return Error::FromErrno("cannot give " + spec_.socket_path + " to the front");
  }
  return Ok();
}

Result<void> Launch::MakeCgroups() {
  const std::string& id = spec_.id.value;
  const sys::CgroupTree& tree = kit_.cgroups;
  // Without a limit of its own it would have another's of the processors.
  const bool taken = spec_.limits.cpu_millis != 0 && spares_.Take(id);
  if (!taken) RETURN_IF_ERROR(tree.Create(id));
  RETURN_IF_ERROR(tree.SetLimits(id, CgroupPart::kToolbox, kToolboxLimits));
  RETURN_IF_ERROR(tree.SetLimits(id, CgroupPart::kWork, WorkLimits(spec_.limits)));
  ASSIGN_OR_RETURN(procs_, tree.OpenProcs(id, CgroupPart::kWork));
  ASSIGN_OR_RETURN(box_.oom_event, tree.OpenOomEvent(id));
  ASSIGN_OR_RETURN(oom_counter_, tree.OpenOomCounter(id));
  // One of its own: whoever reads an eventfd takes the event from all others.
  ASSIGN_OR_RETURN(oom_event_, tree.OpenOomEvent(id));
  return Ok();
}

Result<void> Launch::OpenMounts() {
  for (const std::string& layer : spec_.layers) {
    ASSIGN_OR_RETURN(UniqueFd fd, sys::CloneMount(layer));
    layers_.push_back(std::move(fd));
  }
  ASSIGN_OR_RETURN(box_mount_, sys::CloneMount(spec_.box_dir));
  ASSIGN_OR_RETURN(state_mount_, sys::CloneMount(spec_.box_dir + "/state"));
  for (const BoxShare& share : spec_.shares) {
    ASSIGN_OR_RETURN(UniqueFd fd, sys::CloneMountAt(share.source, share.name));
    shares_.push_back(std::move(fd));
  }
  return Ok();
}

Result<void> Launch::MapIds() {
  const std::string proc = "/proc/" + std::to_string(box_.pid);
  // The sandbox's users and the toolbox.
  const std::string map =
      "0 " + std::to_string(spec_.uid_base) + " " + std::to_string(boot::kUserIds + 1);
  RETURN_IF_ERROR(sys::WriteFile(proc + "/uid_map", map));
  return sys::WriteFile(proc + "/gid_map", map);
}

Result<void> Launch::MapOwners() {
  ASSIGN_OR_RETURN(const UniqueFd userns,
                   sys::Open("/proc/" + std::to_string(box_.pid) + "/ns/user", O_RDONLY));
  for (size_t i = 0; i < layers_.size(); ++i) {
    RETURN_IF_ERROR(sys::IdmapMount(layers_[i].get(), userns.get(), sys::MountAccess::kReadOnly,
                                    spec_.layers[i]));
  }
  RETURN_IF_ERROR(
      sys::IdmapMount(box_mount_.get(), userns.get(), sys::MountAccess::kReadWrite, spec_.box_dir));
  RETURN_IF_ERROR(sys::IdmapMount(state_mount_.get(), userns.get(), sys::MountAccess::kReadWrite,
                                  spec_.box_dir + "/state"));
  return MapShares();
}

// Of all the owners on disk only one has a name inside, and only that one of the box's users can
// make files: any other write is refused by the kernel (EOVERFLOW).
Result<void> Launch::MapShares() {
  const std::string user = " " + std::to_string(spec_.uid_base + kShareUser) + " 1\n";
  for (size_t i = 0; i < shares_.size(); ++i) {
    const BoxShare& share = spec_.shares[i];
    ASSIGN_OR_RETURN(const UniqueFd owners,
                     sys::MakeUserNamespace(std::to_string(share.owner) + user,
                                            std::to_string(share.group) + user));
    RETURN_IF_ERROR(sys::IdmapMount(shares_[i].get(), owners.get(), share.access, share.name));
  }
  return Ok();
}

Task<Result<void>> Launch::OrderRoot() {
  init::RootOrder order;
  order.layers = static_cast<uint32_t>(layers_.size());
  order.strict = spec_.profile == proto::Profile::kStrict;
  order.hostname_size =
      static_cast<uint32_t>(spec_.hostname.copy(order.hostname, init::kHostnameMax));
  const auto scratch = std::max<uint64_t>(spec_.limits.memory_bytes / 2, 1 << 20);
  std::to_string(scratch).copy(order.scratch_size, sizeof order.scratch_size - 1);
  // A file without content takes a kilobyte of the kernel's memory and nothing of that size.
  constexpr uint64_t kBytesPerFile = 4096;
  std::to_string(scratch / kBytesPerFile).copy(order.scratch_files, sizeof order.scratch_files - 1);
  // The child attaches layer i at "i" and is there when it mounts.
  std::string lower;
  for (size_t i = layers_.size(); i-- > 0;) {
    lower += std::to_string(i);
    if (i > 0) lower += ':';
  }
  if (lower.size() <= init::kOptionMax) lower.copy(order.lowerdir, init::kOptionMax);
  std::vector<int> fds = {box_mount_.get(), state_mount_.get()};
  for (const UniqueFd& layer : layers_) fds.push_back(layer.get());
  order.shares = static_cast<uint32_t>(shares_.size());
  CO_RETURN_IF_ERROR(co_await shell_->Send({&order, sizeof order}, std::move(fds), deadline_));
  for (size_t i = 0; i < shares_.size(); ++i) {
    init::ShareOrder share;
    share.directory = spec_.shares[i].directory;
    // Without the slash it starts with.
    spec_.shares[i].target.copy(share.target, init::kShareTargetMax, 1);
    std::vector<int> mount = {shares_[i].get()};
    CO_RETURN_IF_ERROR(co_await shell_->Send({&share, sizeof share}, std::move(mount), deadline_));
  }
  co_return Ok();
}

Task<Result<void>> Launch::OrderIdentity() {
  auto attached = kit_.cgroups.Attach(spec_.id.value, CgroupPart::kToolbox, box_.pid);
  // If the child is dead, its report says more.
  if (!attached && attached.error().sys_errno() != ESRCH) co_return attached;
  const bool writes = std::any_of(spec_.shares.begin(), spec_.shares.end(), [](const auto& share) {
    return share.access == sys::MountAccess::kReadWrite;
  });
  const FileMarks marks = writes ? FileMarks::kDenied : FileMarks::kAllowed;
  CO_ASSIGN_OR_RETURN(seccomp_, sys::Reopen(kit_.SeccompOf(spec_.profile, marks).get()));
  init::IdentityOrder order;
  order.cgroups = static_cast<uint32_t>(procs_.size());
  order.profile = static_cast<uint32_t>(spec_.profile);
  std::vector<int> fds = {listener_.get(), seccomp_.get(), oom_counter_.get(), oom_event_.get()};
  for (const UniqueFd& procs : procs_) fds.push_back(procs.get());
  co_return co_await shell_->Send({&order, sizeof order}, std::move(fds), deadline_);
}

Task<Result<void>> Launch::AwaitReady() {
  if (fcntl(shell_->control(), F_SETFL, O_NONBLOCK) != 0) co_return Error::FromErrno("fcntl");
  async::FdWatch watch(shell_->control());
  bool ended = false;
  while (!ended) {
    auto read = ReadReport(&ended);
    if (read) continue;
    if (read.error().sys_errno() != EAGAIN) co_return std::move(read).error();
    if (!co_await watch.Readable(deadline_)) {
      co_return Error(Code::kTimeout, "the sandbox did not start within 30 seconds");
    }
  }
  // Its end after `ready` is all that there is to say.
  if (report_.step != init::BoxStep::kNone) co_return ChildError(report_);
  if (!ready_) co_return Error(Code::kInternal, "the sandbox's first process died while starting");
  co_return Ok();
}

Result<void> Launch::ReadReport(bool* ended) {
  iovec part{&report_, sizeof report_};
  alignas(cmsghdr) char space[CMSG_SPACE(4 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  const ssize_t n = recvmsg(shell_->control(), &message, MSG_CMSG_CLOEXEC);
  // A child that died with our "go" unread resets the socket, once; its report comes after that.
  if (n < 0 && (errno == EINTR || errno == ECONNRESET)) return Ok();
  if (n < 0) return Error::FromErrno("the child's report", errno);
  *ended = n <= 0;
  const cmsghdr* head = n > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return Ok();
  int fds[4] = {-1, -1, -1, -1};
  std::memcpy(fds, CMSG_DATA(head), std::min(head->cmsg_len - CMSG_LEN(0), sizeof fds));
  box_.sockets.tcp4.Reset(fds[0]);
  box_.sockets.tcp6.Reset(fds[1]);
  box_.sockets.dns_udp.Reset(fds[2]);
  box_.sockets.dns_tcp.Reset(fds[3]);
  ready_ = report_.ready && fds[3] >= 0;
  return Ok();
}

Error Launch::ChildError(const init::ChildReport& report) const {
  std::string what = init::StepText(report.step);
  const std::string detail(report.detail, strnlen(report.detail, sizeof report.detail));
  if (!detail.empty()) what += " (" + detail + ")";
  return Error::FromErrno(what, report.error).Wrap("cannot start sandbox " + spec_.id.value);
}

void Launch::LogTimings() const {
  const auto mark = [this](size_t i) { return i < marks_.size() ? marks_[i].second : 0; };
  const uint32_t(&child)[init::kPhases] = report_.phase_us;
  log::Debug("box.launched", {{"id", spec_.id.value},
                              {"pid", box_.pid},
                              {"shell_us", mark(0)},
                              {"order_us", mark(1)},
                              {"cgroups_us", mark(2)},
                              {"attach_us", mark(3)},
                              {"record_us", mark(4)},
                              {"total_us", mark(5)},
                              {"shell_network_us", child[init::kPhaseNetwork]},
                              {"child_overlay_us", child[init::kPhaseOverlay]},
                              {"child_root_us", child[init::kPhaseRoot]},
                              {"child_pivot_us", child[init::kPhasePivot]},
                              {"child_inner_us", child[init::kPhaseInner]},
                              {"child_ready_us", child[init::kPhaseReady]}});
}

}  // namespace cove::sandbox
