#include "sys/allow_calls.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/sanitizers.h"

namespace cove::sys {
namespace {

constexpr int kNamedCalls = 512;  // of those, names are known and each is logged once
constexpr size_t kNameMax = 32;

// The signal handler may neither allocate nor lock: everything it needs is here before.
char g_names[kNamedCalls][kNameMax];
std::atomic<bool> g_logged[kNamedCalls];
const char* g_who = "";

void AnswerEperm(ucontext_t* context) {
#if defined(__x86_64__)
  context->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  context->uc_mcontext.regs[0] = static_cast<uint64_t>(-EPERM);
#else
#error "say where this architecture returns a system call's result"
#endif
}

size_t Append(char* line, size_t at, size_t size, const char* text) {
  while (*text != '\0' && at + 1 < size) line[at++] = *text++;
  return at;
}

void OnRefused(int, siginfo_t* info, void* context) {
  const int number = info->si_syscall;
  const int saved = errno;
  const bool named = number >= 0 && number < kNamedCalls;
  if (named && !g_logged[number].exchange(true)) {
    char digits[8];
    int n = 0;
    for (int rest = number; n == 0 || rest > 0; rest /= 10) {
      digits[n++] = static_cast<char>('0' + rest % 10);
    }
    char text[8] = {};
    for (int i = 0; i < n; ++i) text[i] = digits[n - 1 - i];
    char line[256];
    size_t at = 0;
    const char* const parts[] = {R"({"level":"error","program":")",
                                 g_who,
                                 R"(","event":"syscall.refused","syscall":")",
                                 g_names[number],
                                 R"(","number":)",
                                 text,
                                 "}\n"};
    for (const char* part : parts) {
      at = Append(line, at, sizeof line, part);
    }
    (void)!write(STDERR_FILENO, line, at);
  }
  errno = saved;
  AnswerEperm(static_cast<ucontext_t*>(context));
}

void LearnNames() {
  for (int number = 0; number < kNamedCalls; ++number) {
    const std::unique_ptr<char, void (*)(void*)> name(
        seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), std::free);
    std::snprintf(g_names[number], kNameMax, "%s", name ? name.get() : "?");
  }
}

Result<void> TakeSigsys() {
  struct sigaction action{};
  action.sa_sigaction = OnRefused;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return Error::FromErrno("take SIGSYS");
  return Ok();
}

int AddRule(void* filter, const AllowedCall& call, int number) {
  if (call.argument < 0) return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 0, nullptr);
  const scmp_arg_cmp match{static_cast<unsigned>(call.argument), SCMP_CMP_MASKED_EQ, call.mask,
                           call.value};
  return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &match);
}

}  // namespace

Result<void> AllowOnly(std::span<const AllowedCall> calls, const char* who) {
  g_who = who;
  LearnNames();
  RETURN_IF_ERROR(TakeSigsys());
  const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_TRAP),
                                                      &seccomp_release);
  if (!filter) return Error(Code::kInternal, "libseccomp cannot make a filter");
  int rc = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (rc == 0) rc = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  // Its flags lie in memory, where no filter sees them. The C library takes clone() instead.
  if (rc == 0) rc = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (rc != 0) return Error::FromErrno("set up the system call filter", -rc);
  std::vector<AllowedCall> allowed(calls.begin(), calls.end());
  // A sanitizer asks the kernel through a pipe whether an address can be read, and takes a refusal
  // for a bad one.
  if (kSanitized) allowed.push_back({"pipe2"});
  for (const AllowedCall& call : allowed) {
    const int number = seccomp_syscall_resolve_name(call.name);
    if (number < 0) continue;
    rc = AddRule(filter.get(), call, number);
    if (rc != 0) return Error::FromErrno(std::string("allow the call ") + call.name, -rc);
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::FromErrno("no_new_privs");
  rc = seccomp_load(filter.get());
  if (rc != 0) return Error::FromErrno(std::string("load the filter of the ") + who, -rc);
  return Ok();
}

std::string AllowlistHead(std::span<const int> numbers, uint32_t otherwise) {
  std::vector<int> sorted(numbers.begin(), numbers.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  struct Range {
    uint32_t first;
    uint32_t last;
  };
  std::vector<Range> ranges;
  for (const int number : sorted) {
    const auto n = static_cast<uint32_t>(number);
    if (!ranges.empty() && ranges.back().last + 1 == n) {
      ranges.back().last = n;
    } else {
      ranges.push_back({n, n});
    }
  }
  // Jump distances count the instructions between: to the end of the head there are three for
  // every later range and the final answer.
  std::vector<sock_filter> code;
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (size_t i = 0; i < ranges.size(); ++i) {
    const auto to_end = static_cast<uint32_t>((ranges.size() - 1 - i) * 3 + 1);
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[i].first, 0, 2));
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, ranges[i].last, 1, 0));
    code.push_back(BPF_STMT(BPF_JMP | BPF_JA, to_end));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, otherwise));
  return {reinterpret_cast<const char*>(code.data()), code.size() * sizeof(sock_filter)};
}

}  // namespace cove::sys
