// PID 1 and its children: the host's hands inside.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "attempt.h"

namespace cove::escape {
namespace {

void Trace(Tries& t, pid_t pid) {
  t.Fails("PTRACE_ATTACH", ptrace(PTRACE_ATTACH, pid, nullptr, nullptr));
  t.Fails("PTRACE_SEIZE", ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
}

void ReadMemory(Tries& t, pid_t pid) {
  char text[16];
  const iovec here{text, sizeof text};
  const iovec there{reinterpret_cast<void*>(0x400000), sizeof text};
  t.Fails("process_vm_readv", process_vm_readv(pid, &here, 1, &there, 1, 0));
  t.Fails("process_vm_writev", process_vm_writev(pid, &here, 1, &there, 1, 0));
  const std::string mem = "/proc/" + std::to_string(pid) + "/mem";
  t.CannotOpen(mem, O_RDONLY);
  t.CannotOpen(mem, O_RDWR);
}

void TakeDescriptors(Tries& t, pid_t pid) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  for (int fd = 0; fd < 16; ++fd) {
    t.Fails("pidfd_getfd", pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, fd, 0));
  }
  if (pidfd >= 0) close(pidfd);
}

Outcome Ptrace() {
  Tries t;
  Trace(t, 1);
  return t.End();
}
Outcome Memory() {
  Tries t;
  ReadMemory(t, 1);
  return t.End();
}
Outcome Descriptors() {
  Tries t;
  TakeDescriptors(t, 1);
  return t.End();
}

Outcome Signals() {
  Tries t;
  for (const int signal : {SIGKILL, SIGSTOP, SIGTERM, SIGHUP, SIGUSR1, SIGABRT, 0}) {
    t.FailsWith("kill(1)", kill(1, signal), EPERM);
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, 1, 0));
  t.Fails("pidfd_send_signal", syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0));
  return t.End();
}

Outcome Settings() {
  Tries t;
  rlimit none{0, 0};
  t.Fails("prlimit", prlimit(1, RLIMIT_NOFILE, &none, nullptr));
  t.Fails("setpriority", setpriority(PRIO_PROCESS, 1, 19));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  t.Fails("sched_setaffinity", sched_setaffinity(1, sizeof cpus, &cpus));
  t.Fails("ioprio_set", syscall(SYS_ioprio_set, 1, 1, 3 << 13));
  t.Fails("kcmp", syscall(SYS_kcmp, getpid(), 1, 0, 0, 0));
  t.Fails("setpgid", setpgid(1, 0));
  return t.End();
}

Outcome State() {
  Tries t;
  const std::string dir = "/run/cove-toolbox";
  t.CannotOpen(dir, O_RDONLY | O_DIRECTORY);
  t.CannotOpen(dir + "/toolbox.log", O_RDONLY);
  t.Fails("a file in it", open((dir + "/x").c_str(), O_CREAT | O_WRONLY, 0600));
  t.Fails("chmod", chmod(dir.c_str(), 0777));
  t.Fails("chown", chown(dir.c_str(), geteuid(), getegid()));
  t.Fails("rename", rename(dir.c_str(), "/run/other"));
  t.Fails("rmdir", rmdir(dir.c_str()));
  return t.End();
}

// Its socket is bound outside; no name of it leads in from here.
Outcome Socket() {
  Tries t;
  const std::string table = ReadText("/proc/net/unix");
  t.Holds("no path of the host's in the table",
          table.find(Given("HOST_DATA")) == std::string::npos);
  const std::string path = Given("HOST_DATA") + "/run/box-" + Given("COVE_SANDBOX_ID") + ".sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  t.Fails("connect to its path",
          connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
  return t.End();
}

// A command has its three descriptors, and they lead nowhere else (CVE-2024-21626).
Outcome Inherited() {
  Tries t;
  DIR* dir = opendir("/proc/self/fd");
  t.Works("list descriptors", dir == nullptr ? -1 : 0);
  while (const dirent* entry = dir == nullptr ? nullptr : readdir(dir)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(dir)) continue;
    struct stat info{};
    t.Works("fstat", fstat(fd, &info));
    const bool plain = S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode);
    t.Holds(std::string("descriptor ") + entry->d_name, plain);
    t.Fails("it is no way up", openat(fd, "..", O_RDONLY | O_CLOEXEC));
  }
  char cwd[4096];
  t.Works("getcwd", getcwd(cwd, sizeof cwd) == nullptr ? -1 : 0);
  t.Holds("the working directory is in the tree", cwd[0] == '/');
  return t.End();
}

Outcome Environment() {
  Tries t;
  const std::string env = ReadText("/proc/self/environ");
  for (const char* secret : {"API_KEY", "ADMIN", "SECRET", "TOKEN"}) {
    t.Holds(std::string("no ") + secret, env.find(secret) == std::string::npos);
  }
  return t.End();
}

constexpr Attempt kAttempts[] = {
    {"toolbox.ptrace", "EPERM", Ptrace},
    {"toolbox.memory", "neither read nor written", Memory},
    {"toolbox.descriptors", "pidfd_getfd fails for every number", Descriptors},
    {"toolbox.signals", "EPERM", Signals},
    {"toolbox.settings", "limits, priority and processors cannot be changed", Settings},
    {"toolbox.state", "its directory cannot be read, changed, moved", State},
    {"toolbox.socket", "its socket has no name inside", Socket},
    {"command.descriptors", "three, pipes or /dev/null", Inherited},
    {"command.environment", "no secret", Environment},
};

// The workers of the toolbox: copies of PID 1 that take a user's identity. One that could be traced
// or robbed would hand out what PID 1 holds.
bool IsToolbox(pid_t pid) {
  return ReadText("/proc/" + std::to_string(pid) + "/comm") == "cove-toolbox\n";
}

bool Attack(pid_t pid) {
  Tries t;
  if (!IsToolbox(pid)) return false;
  char text[16];
  for (int fd = 0; fd < 16; ++fd) {
    const std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
    t.Fails(path, readlink(path.c_str(), text, sizeof text));
  }
  ReadMemory(t, pid);
  TakeDescriptors(t, pid);
  Trace(t, pid);
  if (t.End().verdict != Verdict::kEscaped) return false;
  // One that has just executed a command is the user's own, but gets its new name a moment later.
  usleep(2000);
  return IsToolbox(pid);
}

}  // namespace

std::span<const Attempt> ToolboxAttempts() { return kAttempts; }

int Hunt(int seconds) {
  const time_t end = time(nullptr) + seconds;
  long seen = 0;
  while (time(nullptr) < end) {
    DIR* dir = opendir("/proc");
    while (const dirent* entry = readdir(dir)) {
      const pid_t pid = std::atoi(entry->d_name);
      if (pid <= 1 || pid == getpid()) continue;
      ++seen;
      if (!Attack(pid)) continue;
      std::printf("escaped: process %d of the toolbox\n", pid);
      return 1;
    }
    closedir(dir);
  }
  std::printf("held after looking at %ld processes\n", seen);
  return 0;
}

}  // namespace cove::escape
