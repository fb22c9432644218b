// What the crash test needs of the kernel and of the audit format.
//
//   crash_tool kill PID entry|exit N MS CALL,CALL,…   kills PID with SIGKILL just before (entry) or
//       just after (exit) the N-th of these system calls of all its threads together; prints
//       "CALL entry|exit". After MS milliseconds it kills anyway and prints "timer".
//   crash_tool audit DIR    verifies the hash chain and prints the number of records.
//
// Source: ptrace(2), PTRACE_SEIZE and PTRACE_GET_SYSCALL_INFO. Children are not traced, threads
// are.
#include <dirent.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <set>
#include <string>

#include "audit/history.h"
#include "base/text.h"

namespace {

volatile sig_atomic_t time_is_up = 0;

struct Plan {
  pid_t pid = 0;
  bool at_entry = true;
  int when = 1;
  std::map<uint64_t, std::string> calls;  // by number
};

int Kill(const Plan& plan, const char* what) {
  kill(plan.pid, SIGKILL);
  std::printf("%s\n", what);
  return 0;
}

// Threads that appear later are traced by PTRACE_O_TRACECLONE, which also stops for children that
// are no threads: those are let go at once.
bool IsThreadOf(pid_t pid, pid_t tid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid);
  return access(path.c_str(), F_OK) == 0;
}

bool SeizeAll(pid_t pid, bool threads) {
  const std::string path = "/proc/" + std::to_string(pid) + "/task";
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) return false;
  int seized = 0;
  while (const dirent* entry = readdir(dir)) {
    const pid_t tid = static_cast<pid_t>(atoi(entry->d_name));
    const long options = PTRACE_O_TRACESYSGOOD | (threads ? PTRACE_O_TRACECLONE : 0);
    if (tid <= 0 || ptrace(PTRACE_SEIZE, tid, nullptr, options) != 0) continue;
    ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
    ++seized;
  }
  closedir(dir);
  return seized > 0;
}

// The call's name if this stop is one of those that are counted.
const std::string* Wanted(const Plan& plan, pid_t tid, std::map<pid_t, uint64_t>& inside) {
  struct __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0) return nullptr;
  uint64_t number = 0;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    number = inside[tid] = info.entry.nr;
  } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
    number = inside[tid];
  }
  if ((info.op == PTRACE_SYSCALL_INFO_ENTRY) != plan.at_entry) return nullptr;
  const auto it = plan.calls.find(number);
  return it == plan.calls.end() ? nullptr : &it->second;
}

int Run(const Plan& plan) {
  int seen = 0;
  std::map<pid_t, uint64_t> inside;
  for (;;) {
    if (time_is_up) return Kill(plan, "timer");
    int status = 0;
    const pid_t tid = waitpid(-1, &status, __WALL);
    if (tid < 0 && errno == EINTR) continue;
    if (tid < 0) return Kill(plan, "gone");
    if (!WIFSTOPPED(status)) continue;
    int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_STOP && !IsThreadOf(plan.pid, tid)) {
      ptrace(PTRACE_DETACH, tid, nullptr, nullptr);
      continue;
    }
    if (signal == (SIGTRAP | 0x80)) {
      const std::string* call = Wanted(plan, tid, inside);
      if (call != nullptr && ++seen == plan.when) {
        return Kill(plan, (*call + (plan.at_entry ? " entry" : " exit")).c_str());
      }
      signal = 0;
    } else if (event != 0) {
      signal = 0;
    }
    ptrace(PTRACE_SYSCALL, tid, nullptr, static_cast<long>(signal));
  }
}

int KillMain(char** argv) {
  Plan plan;
  plan.pid = static_cast<pid_t>(atoi(argv[0]));
  plan.at_entry = std::string(argv[1]) == "entry";
  plan.when = atoi(argv[2]);
  const int ms = atoi(argv[3]);
  for (std::string_view name : cove::Split(argv[4], ',')) {
    const int number = seccomp_syscall_resolve_name(std::string(name).c_str());
    if (number < 0) continue;  // not on this architecture
    plan.calls[static_cast<uint64_t>(number)] = name;
  }
  struct sigaction action{};
  action.sa_handler = [](int) { time_is_up = 1; };
  sigaction(SIGALRM, &action, nullptr);
  // Again and again: a signal between the look at the flag and the wait must not be the last one.
  const itimerval timer{{0, 20'000}, {ms / 1000, (ms % 1000) * 1000 + 1}};
  setitimer(ITIMER_REAL, &timer, nullptr);
  if (!SeizeAll(plan.pid, std::string_view(argv[4]).find("clone") == std::string_view::npos)) {
    return Kill(plan, "gone");
  }
  return Run(plan);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 7 && std::string_view(argv[1]) == "kill") return KillMain(argv + 2);
  if (argc == 3 && std::string_view(argv[1]) == "audit") {
    const auto head = cove::audit::VerifyChain(argv[2]);
    if (!head) {
      std::fprintf(stderr, "%s\n", head.error().message().c_str());
      return 1;
    }
    std::printf("%llu\n", static_cast<unsigned long long>(head->seq));
    return 0;
  }
  std::fputs("usage: crash_tool kill PID entry|exit N MS CALLS | audit DIR\n", stderr);
  return 2;
}
