// cove-toolbox: PID 1 of a sandbox, the host's hands inside it.
//
//   cove-toolbox --become FD               as the driver starts it; see init/become.h, proto/boot.h
//   cove-toolbox --standalone SOCKET HOME  on the host, for tests: no namespaces, no cgroup;
//                                          SOCKET.oom, if there, is the count of OOM kills
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "async/signals.h"
#include "base/text.h"
#include "init/become.h"
#include "proto/boot.h"
#include "proto/profile.h"
#include "toolbox/environment.h"
#include "toolbox/server.h"

namespace cove::toolbox {
namespace {

namespace boot = proto::boot;

constexpr seconds kShutdownGrace{5};

struct Start {
  UniqueFd listener;
  Confinement confinement;
  std::string state = boot::kStateDir;
  std::string default_user;
  std::string home;
  UniqueFd oom_counter;
  UniqueFd oom_event;
};

Result<std::vector<sock_filter>> LoadSeccomp(int fd) {
  struct stat info{};
  if (fstat(fd, &info) != 0) {
    return Error(Code::kInvalid, "descriptor 5, the system call filter, is missing");
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0 || size % sizeof(sock_filter) != 0 || size / sizeof(sock_filter) > BPF_MAXINSNS) {
    return Error(Code::kInvalid, "descriptor 5 holds no system call filter");
  }
  std::vector<sock_filter> filter(size / sizeof(sock_filter));
  if (pread(fd, filter.data(), size, 0) != info.st_size) return Error::FromErrno("seccomp filter");
  close(fd);
  return filter;
}

Result<Start> StartInSandbox(const init::Became& became) {
  Start start;
  start.confinement.strict = became.profile == static_cast<uint32_t>(proto::Profile::kStrict);
  start.listener.Reset(boot::kToolboxListenerFd);
  start.confinement.user_namespace.Reset(boot::kInnerUserNsFd);
  start.oom_counter.Reset(boot::kOomFd);
  start.oom_event.Reset(boot::kOomEventFd);
  ASSIGN_OR_RETURN(start.confinement.seccomp, LoadSeccomp(boot::kSeccompFd));
  start.confinement.worker_seccomp = WithOpenat2(start.confinement.seccomp);
  for (uint32_t i = 0; i < became.cgroups; ++i) {
    start.confinement.cgroups.emplace_back(boot::kCgroupFd + static_cast<int>(i));
  }
  return start;
}

Result<Start> StartAlone(const char* socket, const char* home) {
  Start start;
  start.confinement.standalone = true;
  start.state = std::string(socket) + ".state";
  start.default_user = std::to_string(geteuid());
  start.home = home;
  start.oom_counter.Reset(open((std::string(socket) + ".oom").c_str(), O_RDONLY | O_CLOEXEC));
  ASSIGN_OR_RETURN(start.listener, net::ListenUnix(socket));
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  return start;
}

// Nothing of ours is inherited by accident, and descriptors are not what we run out of.
void PrepareProcess() {
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_NAME, "cove-toolbox");  // it was started from a memory file
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

Result<Start> ParseArguments(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (argc == 3 && verb == init::kBecomeOption) {
    if (const auto control = ParseInt<int>(argv[2])) {
      const init::Became became = init::BecomeBox(*control);
      PrepareProcess();
      return StartInSandbox(became);
    }
  }
  if (argc == 4 && verb == "--standalone") {
    PrepareProcess();
    return StartAlone(argv[2], argv[3]);
  }
  return Error(Code::kInvalid,
               "usage: cove-toolbox --become FD (by cove) | --standalone SOCKET HOME (for tests)");
}

Task<void> HandleSignals(async::Signals* signals, Children* children, async::Event* end) {
  for (;;) {
    const int signal = co_await signals->Next();
    if (signal == SIGCHLD) {
      children->Reap();
    } else {
      end->Set();
    }
  }
}

Task<void> WatchShutdown(Server* server, async::Event* end) {
  co_await server->shutdown_asked().Wait();
  end->Set();
}

// Our exit ends all that is left: the kernel kills what is in the pid namespace of its PID 1.
Task<void> RunUntilEnd(async::Event* end, Children* children) {
  co_await end->Wait();
  children->EndAll();
  if (getpid() == 1) co_await children->none_left().Wait(Now() + kShutdownGrace);
}

Result<void> Serve(Start start) {
  async::Signals signals({SIGCHLD, SIGTERM, SIGINT});
  Children children;
  Spawner spawner(std::move(start.confinement), children);
  Leftovers leftovers;
  OomWatch oom(std::move(start.oom_counter), std::move(start.oom_event));
  Shared shared{spawner, leftovers, oom};
  shared.shell = FindShell();
  shared.default_user = start.default_user;
  shared.home = start.home;
  Sessions sessions(shared, start.state);
  RETURN_IF_ERROR(sessions.Prepare());
  Server server(shared, sessions);
  async::Event end;
  async::TaskGroup tasks;
  tasks.Spawn(HandleSignals(&signals, &children, &end));
  tasks.Spawn(WatchShutdown(&server, &end));
  tasks.Spawn(server.Run(std::move(start.listener)));
  tasks.Spawn(oom.Run());
  children.Reap();  // what ended before the signals were watched
  async::Loop::Current().RunUntil(RunUntilEnd(&end, &children));
  return Ok();
}

int Main(int argc, char** argv) {
  auto start = ParseArguments(argc, argv);
  async::Loop loop;
  auto served = start ? Serve(*std::move(start)) : Result<void>(std::move(start).error());
  if (served) return 0;
  std::fprintf(stderr, "cove-toolbox: %s\n", served.error().message().c_str());
  return 1;
}

}  // namespace
}  // namespace cove::toolbox

int main(int argc, char** argv) { return cove::toolbox::Main(argc, argv); }
