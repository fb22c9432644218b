#include "sys/process.h"

#include <linux/kcmp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/text.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

Error Gone(pid_t pid) {
  return {Code::kGone, "process " + std::to_string(pid) + " has ended", ESRCH};
}

// linux/pidfd.h of kernel 6.15; Debian 12's header is older. The size is part of the number.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr uint64_t kInfoExit = 1 << 3;
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

// Since Linux 6.2 the size of the folder says it (proc(5)).
uint64_t FilesInTable(const std::string& thread) {
  struct stat fds{};
  if (stat((thread + "/fd").c_str(), &fds) != 0) return 0;
  if (fds.st_size > 0) return static_cast<uint64_t>(fds.st_size);
  const auto status = ReadFile(thread + "/status");
  return status ? CounterIn(*status, "FDSize:") : 0;
}

}  // namespace

Result<UniqueFd> PidfdOpen(pid_t pid) {
  // glibc 2.36 declares these without extern "C".
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0 && errno == ESRCH) return Gone(pid);
  if (fd < 0) return Error::FromErrno("pidfd_open");
  return UniqueFd(fd);
}

Result<void> PidfdSignal(int pidfd, int signal) {
  if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return Ok();
  if (errno == ESRCH) return Error(Code::kGone, "the process has ended", ESRCH);
  return Error::FromErrno("pidfd_send_signal");
}

Result<UniqueFd> PidfdGetFd(int pidfd, int fd) {
  const int copy = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
  if (copy < 0) return Error::FromErrno("cannot take descriptor " + std::to_string(fd));
  return UniqueFd(copy);
}

Result<uint64_t> StartTime(pid_t pid) {
  auto text = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return Gone(pid);
  // The second field is the name in parentheses and may hold anything, ')' too.
  const size_t close = text->rfind(')');
  if (close == std::string::npos) return Gone(pid);
  const auto fields = Split(std::string_view(*text).substr(close + 2), ' ');
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X") return Gone(pid);
  return ParseInt<uint64_t>(fields[19]).value_or(0);
}

uint64_t OpenFiles(pid_t pid) {
  uint64_t files = 0;
  std::vector<pid_t> tables;  // a thread of each
  std::error_code error;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  // Not by a range-for, which throws when the process ends meanwhile.
  std::filesystem::directory_iterator entry(tasks, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const pid_t thread = ParseInt<pid_t>(entry->path().filename().string()).value_or(0);
    const bool known = std::any_of(tables.begin(), tables.end(), [thread](pid_t other) {
      return syscall(SYS_kcmp, thread, other, KCMP_FILES, 0, 0) == 0;
    });
    if (known) continue;
    tables.push_back(thread);
    files += FilesInTable(tasks + "/" + std::to_string(thread));
  }
  return files;
}

std::optional<int> ExitStatus(int pidfd) {
  siginfo_t info{};
  int rc;
  do {
    rc = waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | __WALL);
  } while (rc != 0 && errno == EINTR);
  if (rc == 0 && info.si_pid != 0) {
    if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
  }
  PidfdInfo exit{};
  exit.mask = kInfoExit;
  if (ioctl(pidfd, kPidfdGetInfo, &exit) == 0 && (exit.mask & kInfoExit) != 0) {
    return exit.exit_code;
  }
  return std::nullopt;
}

}  // namespace cove::sys
