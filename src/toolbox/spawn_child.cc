// Runs between fork and exec: async-signal-safe calls only, no allocation.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include "toolbox/spawn.h"

namespace cove::toolbox::internal {
namespace {

// Descriptors are parked from here while they are renumbered: no target is that high, or one would
// be placed over another that waits.
constexpr int kAboveTargets = InheritedFd::kEnd;
constexpr rlim_t kNofileSoft = 1024;  // what programs expect; select() breaks above

[[noreturn]] void Fail(int report, Step step) {
  const Failure failure{step, errno};
  (void)!send(report, &failure, sizeof failure, MSG_NOSIGNAL);
  _exit(127);
}

void ResetSignals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; ++s) sigaction(s, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool SendMaster(int report, int master) {
  char byte = 'T';
  iovec iov{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &master, sizeof master);
  return sendmsg(report, &message, MSG_NOSIGNAL) == 1;
}

// Opened as the user, so that the slave belongs to the user.
bool OpenTerminal(const ChildPlan& plan, int report, int* slave) {
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return false;
  const int unlock = 0;
  if (ioctl(master, TIOCSPTLCK, &unlock) != 0) return false;
  *slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (*slave < 0 || ioctl(*slave, TIOCSCTTY, 0) != 0) return false;
  winsize size{};
  size.ws_col = plan.window.cols;
  size.ws_row = plan.window.rows;
  ioctl(*slave, TIOCSWINSZ, &size);
  return SendMaster(report, master);
}

void LimitDescriptors() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max < kNofileSoft) return;
  files.rlim_cur = kNofileSoft;
  setrlimit(RLIMIT_NOFILE, &files);
}

bool PlaceAll(const ChildPlan& plan, const int (&standard)[3]) {
  // Two passes: a target number may be another one's source.
  int parked[3 + 8];
  size_t n = 0;
  for (const int fd : standard) parked[n++] = fcntl(fd, F_DUPFD_CLOEXEC, kAboveTargets);
  for (const InheritedFd& fd : *plan.inherited) {
    if (n == sizeof parked / sizeof parked[0] || fd.to >= kAboveTargets) return false;
    parked[n++] = fcntl(fd.from, F_DUPFD_CLOEXEC, kAboveTargets);
  }
  for (size_t i = 0; i < n; ++i) {
    if (parked[i] < 0) return false;
  }
  if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
  for (int i = 0; i < 3; ++i) {
    if (dup2(parked[i], i) != i) return false;
  }
  for (size_t i = 0; i < plan.inherited->size(); ++i) {
    const int to = (*plan.inherited)[i].to;
    if (dup2(parked[3 + i], to) != to) return false;
  }
  return true;
}

// As a shell does: where it is, and what it executes.
void SetShellVariables(const ChildPlan& plan, const char* path) {
  static char pwd[4 + PATH_MAX] = "PWD=";
  static char last[2 + PATH_MAX] = "_=";
  const size_t slot = plan.env.size() - 3;
  if (strlen(path) >= PATH_MAX || getcwd(pwd + 4, PATH_MAX) == nullptr) return;
  std::strcpy(last + 2, path);
  plan.env[slot] = last;
  plan.env[slot + 1] = pwd;
}

// As a shell does: the first that is there and executable, or the shell itself, which says what is
// wrong with it as users know it, and knows scripts without "#!". Returns on failure.
void ExecuteInPlaceOfShell(const ChildPlan& plan) {
  for (const char* path : plan.candidates) {
    struct stat info{};
    if (stat(path, &info) != 0 || S_ISDIR(info.st_mode) || access(path, X_OK) != 0) continue;
    SetShellVariables(plan, path);
    execve(path, plan.argv.data(), plan.env.data());
    break;
  }
  execve(plan.shell_argv[0], plan.shell_argv.data(), plan.env.data());
}

// Returns with the errno of the failure that says most.
void Execute(const ChildPlan& plan) {
  int error = ENOENT;
  for (const char* path : plan.candidates) {
    execve(path, plan.argv.data(), plan.env.data());
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  errno = error;
}

}  // namespace

void RunChild(const ChildPlan& plan) {
  setsid();
  ResetSignals();
  umask(022);
  // Out of the way of the numbers that are placed later.
  const int report = fcntl(plan.report, F_DUPFD_CLOEXEC, kAboveTargets);
  if (report < 0) _exit(127);
  const Step step = BecomeUser(*plan.confinement, *plan.account, plan.confinement->seccomp);
  if (step != Step::kNone) Fail(report, step);

  int standard[3] = {plan.standard[0], plan.standard[1], plan.standard[2]};
  if (plan.terminal) {
    int slave = -1;
    if (!OpenTerminal(plan, report, &slave)) Fail(report, Step::kTerminal);
    standard[0] = standard[1] = standard[2] = slave;
  }
  if (!PlaceAll(plan, standard)) Fail(report, Step::kDescriptors);
  LimitDescriptors();
  if (chdir(plan.cwd) != 0) Fail(report, Step::kFolder);
  if (plan.shell_argv.empty()) {
    Execute(plan);
  } else {
    ExecuteInPlaceOfShell(plan);
  }
  Fail(report, Step::kExec);
}

}  // namespace cove::toolbox::internal
