#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "init/child.h"
#include "proto/boot.h"

namespace cove::init {
namespace {

constexpr char kMap[] = "0 0 65536";  // proto::boot::kUserIds
static_assert(proto::boot::kUserIds == 65536);

// Exists only so that its namespace does.
int Idle(void*) {
  while (true) pause();
}

void ProcPath(pid_t pid, const char* name, char (&path)[64]) {
  char digits[16];
  int n = 0;
  do {
    digits[n++] = static_cast<char>('0' + pid % 10);
    pid /= 10;
  } while (pid > 0);
  char* out = std::strcpy(path, "/proc/") + 6;
  while (n > 0) *out++ = digits[--n];
  std::strcpy(out, name);
}

void WriteMap(Child& child, pid_t pid, const char* name) {
  char path[64];
  ProcPath(pid, name, path);
  const int fd = child.Need(open(path, O_WRONLY | O_CLOEXEC), BoxStep::kInnerMap);
  child.Need(write(fd, kMap, sizeof kMap - 1), BoxStep::kInnerMap);
  close(fd);
}

}  // namespace

// The owner of a user namespace is the effective uid of who makes it, and the owner, in the parent
// namespace, has every capability over it. So the helper is cloned while our effective uid is the
// toolbox's; what it may do (setns, kill) the toolbox will be able to do with no capability of its
// own. The map has to be written from the parent namespace with CAP_SETUID: by us, as root again.
int MakeInnerUserNs(Child& child) {
  // Nobody waits for the helper's end; the kernel reaps it. (TakeIdentity takes this back.)
  signal(SIGCHLD, SIG_IGN);
  // Shared memory and descriptors make the helper cheap; it runs nothing but pause().
  alignas(16) static char stack[16 * 1024];
  child.Need(syscall(SYS_setresuid, -1, proto::boot::kToolboxUid, -1), BoxStep::kInnerClone);
  const pid_t pid =
      clone(Idle, stack + sizeof stack, CLONE_NEWUSER | CLONE_VM | CLONE_FILES | SIGCHLD, nullptr);
  child.Need(pid, BoxStep::kInnerClone);
  child.Need(syscall(SYS_setresuid, -1, 0, -1), BoxStep::kInnerClone);
  // A change of the effective uid made the process undumpable, and its /proc files the host root's.
  child.Need(prctl(PR_SET_DUMPABLE, 1), BoxStep::kInnerClone);

  WriteMap(child, pid, "/uid_map");
  WriteMap(child, pid, "/gid_map");
  char path[64];
  ProcPath(pid, "/ns/user", path);
  const int inner = child.Need(open(path, O_RDONLY | O_CLOEXEC), BoxStep::kInnerOpen);
  kill(pid, SIGKILL);
  return inner;
}

}  // namespace cove::init
