#include "sandbox/launch.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "async/fd_watch.h"
#include "log/log.h"
#include "net/socket.h"
#include "proto/boot.h"
#include "sys/mounts.h"
#include "sys/process.h"
#include "sys/small_file.h"

namespace cove::sandbox {
namespace {

namespace boot = proto::boot;
using sys::CgroupPart;

// The toolbox's own share: it forks, answers and copies files, but runs nothing of the user's.
constexpr sys::CgroupLimits kToolboxLimits = {
    .cpu_millis = 1000, .memory_bytes = 128ull << 20, .pids = 512};
constexpr size_t kHostnameMax = 63;
// One fsconfig text holds 255 characters; more layers than fit go one by one (kernel 6.8).
constexpr size_t kOptionMax = 255;
constexpr auto kStartLimit = seconds(30);

// What a user namespace makes (inotify instances, namespaces, message queues) is counted for its
// owner, the effective uid of its maker, too, against what one user of the machine may have. So
// each box has an owner of its own: else the first would take what the host's root and all others
// live on. Our capabilities stay in effect meanwhile. Source: user_namespaces(7), namespaces(7).
class AsOwner {
 public:
  explicit AsOwner(uid_t uid) {
    if (syscall(SYS_setresuid, -1, uid, -1) != 0) return;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capget, &header, data) != 0) return;
    for (auto& word : data) word.effective = word.permitted;
    (void)syscall(SYS_capset, &header, data);
  }
  ~AsOwner() {
    (void)syscall(SYS_setresuid, -1, 0, -1);
    (void)prctl(PR_SET_DUMPABLE, 1);  // the change of the uid took it
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
};

}  // namespace

sys::CgroupLimits WorkLimits(const proto::runner::Limits& limits) {
  return {.cpu_millis = limits.cpu_millis,
          .memory_bytes = limits.memory_bytes,
          .pids = limits.pids,
          .io_weight = limits.io_weight};
}

Launch::~Launch() {
  if (done_) return;
  if (listener_) unlink(spec_.socket_path.c_str());
  if (!box_.pidfd) return;
  (void)sys::PidfdSignal(box_.pidfd.get(), SIGKILL);
  // The child has no children of its own yet or takes them along: this is a moment.
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(box_.pidfd.get()), &info, WEXITED | __WALL) != 0 &&
         errno == EINTR) {
  }
}

void Launch::Mark(const char* step) {
  marks_.emplace_back(step, std::chrono::duration_cast<microseconds>(Now() - started_).count());
}

Task<Result<RunningBox>> Launch::Run() {
  CO_RETURN_IF_ERROR(Check());
  CO_RETURN_IF_ERROR(MakeListener());
  CO_RETURN_IF_ERROR(MakeCgroups());
  Mark("cgroups_us");
  CO_RETURN_IF_ERROR(OpenMounts());
  Mark("open_mounts_us");
  WriteOverlayOptions();
  CO_RETURN_IF_ERROR(Clone());
  Mark("clone_us");
  CO_RETURN_IF_ERROR(MapIds());
  CO_RETURN_IF_ERROR(MapOwners());
  Mark("map_us");
  CO_RETURN_IF_ERROR(Go());
  // Moving a process waits for every CPU of the machine (v1): the child builds its root meanwhile.
  auto attached = kit_.cgroups.AttachV1(spec_.id.value, CgroupPart::kToolbox, box_.pid);
  // If the child is dead, its report says more.
  if (!attached && attached.error().sys_errno() != ESRCH) co_return std::move(attached).error();
  Mark("attach_us");
  CO_RETURN_IF_ERROR(Go());
  CO_RETURN_IF_ERROR(co_await AwaitExec());
  Mark("exec_us");
  CO_ASSIGN_OR_RETURN(box_.start_time, sys::StartTime(box_.pid));
  LogTimings();
  done_ = true;
  co_return std::move(box_);
}

Result<void> Launch::Check() const {
  if (spec_.layers.empty() || spec_.layers.size() > kBoxLayersMax) {
    return Error(Code::kInvalid, "an image has 1 to " + std::to_string(kBoxLayersMax) +
                                     " layers, not " + std::to_string(spec_.layers.size()));
  }
  if (spec_.hostname.empty() || spec_.hostname.size() > kHostnameMax) {
    return Error(Code::kInvalid, "a host name has 1 to 63 characters");
  }
  if (spec_.uid_base < boot::kUidSlot) {
    return Error(Code::kInvalid, "the box's uid range overlaps the host's own users");
  }
  return Ok();
}

Result<void> Launch::MakeListener() {
  box_.id = spec_.id;
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
  RETURN_IF_ERROR(tree.Create(id));
  RETURN_IF_ERROR(tree.SetLimits(id, CgroupPart::kToolbox, kToolboxLimits));
  RETURN_IF_ERROR(tree.SetLimits(id, CgroupPart::kWork, WorkLimits(spec_.limits)));
  ASSIGN_OR_RETURN(procs_, tree.OpenProcs(id, CgroupPart::kWork));
  ASSIGN_OR_RETURN(clone_cgroup_, tree.OpenForClone(id, CgroupPart::kToolbox));
  ASSIGN_OR_RETURN(box_.oom_event, tree.OpenOomEvent(id));
  ASSIGN_OR_RETURN(oom_counter_, tree.OpenOomCounter(id));
  for (const UniqueFd& fd : procs_) procs_fds_.push_back(fd.get());
  return Ok();
}

Result<void> Launch::OpenMounts() {
  for (const std::string& layer : spec_.layers) {
    ASSIGN_OR_RETURN(UniqueFd fd, sys::CloneMount(layer));
    layer_fds_.push_back(fd.get());
    layers_.push_back(std::move(fd));
  }
  ASSIGN_OR_RETURN(box_mount_, sys::CloneMount(spec_.box_dir));
  ASSIGN_OR_RETURN(state_mount_, sys::CloneMount(spec_.box_dir + "/state"));
  ASSIGN_OR_RETURN(seccomp_, sys::Reopen(kit_.SeccompOf(spec_.profile).get()));
  return Ok();
}

// The child attaches layer i at "i" and the box at "b" and is there when it mounts.
void Launch::WriteOverlayOptions() {
  std::string lower;
  for (size_t i = spec_.layers.size(); i-- > 0;) {
    lower += std::to_string(i);
    if (i > 0) lower += ':';
  }
  if (lower.size() <= kOptionMax) {
    overlay_texts_.emplace_back("lowerdir", lower);
  } else {
    for (size_t i = spec_.layers.size(); i-- > 0;) {
      overlay_texts_.emplace_back("lowerdir+", std::to_string(i));
    }
  }
  overlay_texts_.emplace_back("upperdir", "b/upper");
  overlay_texts_.emplace_back("workdir", "b/work");
  for (const auto& [key, value] : overlay_texts_) {
    overlay_.push_back({key.c_str(), value.c_str()});
  }
  overlay_.push_back({"userxattr", nullptr});
  shm_size_ = std::to_string(std::max<uint64_t>(spec_.limits.memory_bytes / 2, 1 << 20));
}

Result<void> Launch::Clone() {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return Error::FromErrno("socketpair");
  }
  control_.Reset(pair[0]);
  child_control_.Reset(pair[1]);

  std::string count = std::to_string(procs_.size());
  std::string name = "cove-toolbox";
  std::string option = boot::kCgroupFdsOption;
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string profile_option = boot::kProfileOption;
  std::string profile(proto::ProfileName(spec_.profile));
  char* const argv[] = {name.data(),           option.data(),  count.data(),
                        profile_option.data(), profile.data(), nullptr};
  char* const envp[] = {path.data(), nullptr};
  const auto bytes = [](const sys::NetlinkBatch& batch) {
    return Bytes{batch.bytes().data(), batch.bytes().size(), batch.acks()};
  };
  BoxPlan plan;
  plan.control = child_control_.get();
  plan.routes = bytes(kit_.routes);
  plan.rules = bytes(kit_.rules);
  plan.layers = layer_fds_.data();
  plan.layer_count = layer_fds_.size();
  plan.box = box_mount_.get();
  plan.state = state_mount_.get();
  plan.overlay = overlay_.data();
  plan.overlay_count = overlay_.size();
  plan.shm_size = shm_size_.c_str();
  plan.hostname = spec_.hostname.data();
  plan.hostname_size = spec_.hostname.size();
  plan.strict = spec_.profile == proto::Profile::kStrict;
  plan.listener = listener_.get();
  plan.seccomp = seccomp_.get();
  plan.oom = oom_counter_.get();
  plan.cgroups = procs_fds_.data();
  plan.cgroup_count = procs_fds_.size();
  plan.toolbox = kit_.toolbox.get();
  plan.argv = argv;
  plan.envp = envp;

  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
               CLONE_NEWUTS | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (clone_cgroup_) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(clone_cgroup_.get());
  }
  long pid = 0;
  {
    const AsOwner owner(spec_.uid_base);
    pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) RunBoxChild(plan);
  }
  if (pid < 0) return Error::FromErrno("cannot clone into new namespaces");
  box_.pid = static_cast<pid_t>(pid);
  box_.pidfd.Reset(pidfd);
  // Ours would keep the socket open after the child's death.
  child_control_.Reset();
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
  return sys::IdmapMount(state_mount_.get(), userns.get(), sys::MountAccess::kReadWrite,
                         spec_.box_dir + "/state");
}

Result<void> Launch::Go() {
  const char byte = 1;
  ssize_t n;
  do {
    n = send(control_.get(), &byte, 1, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  // A child that has failed already says why on the same socket.
  if (n < 0 && errno != EPIPE) return Error::FromErrno("cannot start the child");
  return Ok();
}

Task<Result<void>> Launch::AwaitExec() {
  if (fcntl(control_.get(), F_SETFL, O_NONBLOCK) != 0) co_return Error::FromErrno("fcntl");
  async::FdWatch watch(control_.get());
  const TimePoint deadline = Now() + kStartLimit;
  bool ended = false;
  while (!ended) {
    auto read = ReadReport(&ended);
    if (read) continue;
    if (read.error().sys_errno() != EAGAIN) co_return std::move(read).error();
    if (!co_await watch.Readable(deadline)) {
      co_return Error(Code::kTimeout, "the sandbox did not start within 30 seconds");
    }
  }
  // The socket is close-on-exec: its end after `ready` is the exec's success.
  if (report_.step != BoxStep::kNone) co_return ChildError(report_);
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
  const ssize_t n = recvmsg(control_.get(), &message, MSG_CMSG_CLOEXEC);
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

Error Launch::ChildError(const ChildReport& report) const {
  std::string what = StepText(report.step);
  const std::string detail(report.detail, strnlen(report.detail, sizeof report.detail));
  if (!detail.empty()) what += " (" + detail + ")";
  return Error::FromErrno(what, report.error).Wrap("cannot start sandbox " + spec_.id.value);
}

void Launch::LogTimings() const {
  const auto mark = [this](size_t i) { return i < marks_.size() ? marks_[i].second : 0; };
  const uint32_t(&child)[kPhases] = report_.phase_us;
  log::Debug("box.launched", {{"id", spec_.id.value},
                              {"pid", box_.pid},
                              {"cgroups_us", mark(0)},
                              {"open_mounts_us", mark(1)},
                              {"clone_us", mark(2)},
                              {"map_us", mark(3)},
                              {"attach_us", mark(4)},
                              {"total_us", mark(5)},
                              {"child_network_us", child[kPhaseNetwork]},
                              {"child_go_us", child[kPhaseGo]},
                              {"child_overlay_us", child[kPhaseOverlay]},
                              {"child_root_us", child[kPhaseRoot]},
                              {"child_pivot_us", child[kPhasePivot]},
                              {"child_inner_us", child[kPhaseInner]},
                              {"child_ready_us", child[kPhaseReady]}});
}

}  // namespace cove::sandbox
