// The toolbox of the driver's tests: this same program, executed by the driver inside a box, serves
// "uid NUL script NUL" on its socket as proto/boot.h demands of a toolbox. It runs before main().
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "init/become.h"
#include "proto/boot.h"

namespace cove::sandbox {
namespace {

namespace boot = proto::boot;

[[noreturn]] void Die(const char* what) {
  perror(what);
  _exit(125);
}

void InstallSeccomp() {
  static sock_filter program[4096];
  const ssize_t n = pread(boot::kSeccompFd, program, sizeof program, 0);
  if (n <= 0) Die("pread of the seccomp program");
  sock_fprog filter{static_cast<unsigned short>(static_cast<size_t>(n) / sizeof(sock_filter)),
                    program};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) Die("seccomp");
}

[[noreturn]] void RunScript(int cgroups, unsigned uid, const char* script) {
  for (int i = 0; i < cgroups; ++i) {
    if (write(boot::kCgroupFd + i, "0", 1) != 1) Die("cgroup.procs");
  }
  if (setns(boot::kInnerUserNsFd, CLONE_NEWUSER) != 0) Die("setns");
  InstallSeccomp();
  setsid();
  const gid_t group = uid;
  if (setgroups(1, &group) != 0) Die("setgroups");
  if (setresgid(uid, uid, uid) != 0) Die("setresgid");
  if (setresuid(uid, uid, uid) != 0) Die("setresuid");
  syscall(SYS_close_range, 3, ~0U, 0);
  if (chdir(uid == 0 ? "/root" : "/home/daytona") != 0) Die("chdir");
  setenv("HOME", uid == 0 ? "/root" : "/home/daytona", 1);
  execl("/bin/bash", "bash", "-c", script, nullptr);
  Die("exec");
}

[[noreturn]] void Serve(int connection, int cgroups) {
  signal(SIGCHLD, SIG_DFL);
  static char request[65536];
  size_t size = 0;
  ssize_t n;
  while ((n = read(connection, request + size, sizeof request - 1 - size)) > 0) {
    size += static_cast<size_t>(n);
  }
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(connection, 1);
    dup2(connection, 2);
    RunScript(cgroups, static_cast<unsigned>(atoi(request)), request + strlen(request) + 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  dprintf(connection, "\nexit=%d",
          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  _exit(0);
}

__attribute__((constructor)) void GuestMain(int argc, char** argv, char**) {
  if (argc != 3 || strcmp(argv[1], init::kBecomeOption) != 0) return;
  const auto cgroups = static_cast<int>(init::BecomeBox(atoi(argv[2])).cgroups);
  signal(SIGCHLD, SIG_IGN);
  while (true) {
    pollfd waiting{boot::kToolboxListenerFd, POLLIN, 0};
    poll(&waiting, 1, -1);
    const int connection = accept4(boot::kToolboxListenerFd, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    if (fork() == 0) Serve(connection, cgroups);
    close(connection);
  }
}

}  // namespace
}  // namespace cove::sandbox
