#include "sandbox/shell.h"

#include <linux/capability.h>
#include <linux/sched.h>
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

#include "proto/boot.h"
#include "sys/process.h"

namespace cove::sandbox {
namespace {

constexpr uint64_t kNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// What a user namespace makes (inotify instances, namespaces, message queues) is counted for its
// owner, the effective uid of its maker, too, against what one user of the machine may have. So
// each shell has an owner of its own: else the first would take what the host's root and all others
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

// Above every range of a box's users (runner/box_record.h), so that nobody is that user. Which one
// does not matter, so long as two shells that live at once hardly ever share it.
uid_t NextOwner() {
  constexpr uint32_t kFirst = 4'280'000'000;
  constexpr uint32_t kCount = 10'000'000;
  static uint32_t next = std::random_device{}() % kCount;
  return kFirst + next++ % kCount;
}

Result<void> SendPacket(int socket, const void* data, size_t size, const int* fds, size_t count) {
  iovec part{const_cast<void*>(data), size};
  alignas(cmsghdr) char space[CMSG_SPACE(kFdsInPacket * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(head), fds, count * sizeof(int));
  ssize_t n;
  do {
    n = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EPIPE && errno != ECONNRESET) {
    return Error::FromErrno("cannot instruct the child");
  }
  return Ok();
}

}  // namespace

Result<Shell> Shell::Make(const LaunchKit& kit) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return Error::FromErrno("socketpair");
  }
  Shell shell;
  shell.control_.Reset(pair[0]);
  const UniqueFd theirs(pair[1]);

  std::string count = std::to_string(kit.cgroups.hierarchies());
  std::string name = "cove-toolbox";
  std::string option = proto::boot::kCgroupFdsOption;
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string profile_option = proto::boot::kProfileOption;
  std::string profiles[2];
  std::vector<char*> argv[2];
  for (const proto::Profile profile : {proto::Profile::kDefault, proto::Profile::kStrict}) {
    const auto i = static_cast<size_t>(profile);
    profiles[i] = proto::ProfileName(profile);
    argv[i] = {name.data(),           option.data(),      count.data(),
               profile_option.data(), profiles[i].data(), nullptr};
  }
  char* const envp[] = {path.data(), nullptr};
  const auto bytes = [](const sys::NetlinkBatch& batch) {
    return Bytes{batch.bytes().data(), batch.bytes().size(), batch.acks()};
  };
  ShellPlan plan;
  plan.control = theirs.get();
  plan.toolbox = kit.toolbox.get();
  plan.routes = bytes(kit.routes);
  plan.rules = bytes(kit.rules);
  for (size_t i = 0; i < 2; ++i) plan.argv[i] = argv[i].data();
  plan.envp = envp;

  int pidfd = -1;
  clone_args args{};
  args.flags = kNamespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  long pid = 0;
  {
    const AsOwner owner(NextOwner());
    pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) RunBoxChild(plan);
  }
  if (pid < 0) return Error::FromErrno("cannot clone into new namespaces");
  shell.pid_ = static_cast<pid_t>(pid);
  shell.pidfd_.Reset(pidfd);
  return shell;
}

Shell::Shell(Shell&& other) noexcept
    : pid_(other.pid_), pidfd_(std::move(other.pidfd_)), control_(std::move(other.control_)) {}

void Shell::End() {
  if (!pidfd_) return;
  (void)sys::PidfdSignal(pidfd_.get(), SIGKILL);
  // It has no children of its own yet or takes them along: this is a moment.
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | __WALL) != 0 &&
         errno == EINTR) {
  }
}

bool Shell::Waits() const {
  pollfd said{control_.get(), POLLIN, 0};
  return poll(&said, 1, 0) == 0;
}

Result<void> Shell::Send(const void* order, size_t size, const std::vector<int>& fds) const {
  const char more = 0;
  for (size_t sent = 0; sent < fds.size();) {
    const size_t count = std::min(fds.size() - sent, kFdsInPacket);
    RETURN_IF_ERROR(sent == 0 ? SendPacket(control_.get(), order, size, fds.data(), count)
                              : SendPacket(control_.get(), &more, 1, fds.data() + sent, count));
    sent += count;
  }
  return Ok();
}

}  // namespace cove::sandbox
