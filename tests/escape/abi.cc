// Entries into the kernel that a filter for 64-bit calls might not see.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>

#include "attempt.h"

namespace cove::escape {
namespace {

#if defined(__x86_64__)
sigjmp_buf g_back;
void Back(int) { siglongjmp(g_back, 1); }

long Int80(long number, long a, long b, long c) {
  long result;
  asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}

// A kernel without 32-bit support answers with a signal: that holds, too.
Outcome Try32(long number, long a, long b, long c, const char* what) {
  Tries t;
  signal(SIGSEGV, Back);
  signal(SIGILL, Back);
  if (sigsetjmp(g_back, 1) != 0) {
    t.Holds("this kernel has no 32-bit entry", true);
    return t.End();
  }
  const long result = Int80(number, a, b, c);
  errno = static_cast<int>(-result);
  t.FailsWith(what, result < 0 ? -1 : 0, ENOSYS);
  return t.End();
}

Outcome Getpid32() { return Try32(20, 0, 0, 0, "getpid"); }
Outcome Socketcall32() { return Try32(102, 1, 0, 0, "socketcall"); }
Outcome Mount32() { return Try32(21, 0, 0, 0, "mount"); }

Outcome X32() {
  Tries t;
  constexpr long kX32 = 0x40000000;
  t.FailsWith("getpid", syscall(kX32 + SYS_getpid), ENOSYS);
  t.FailsWith("socket", syscall(kX32 + SYS_socket, 17, 3, 0), ENOSYS);
  t.FailsWith("execve", syscall(kX32 + 520, "/bin/true", nullptr, nullptr), ENOSYS);
  t.Works("the 64-bit getpid", syscall(SYS_getpid));
  return t.End();
}
#endif

Outcome UnknownCalls() {
  Tries t;
  for (const long number : {1000L, 5000L, -1L, 0x7fffffffL}) {
    t.FailsWith("call " + std::to_string(number), syscall(number), ENOSYS);
  }
  return t.End();
}

constexpr Attempt kAttempts[] = {
#if defined(__x86_64__)
    {"abi.int80", "ENOSYS, or no such entry", Getpid32},
    {"abi.int80_socketcall", "ENOSYS, or no such entry", Socketcall32},
    {"abi.int80_mount", "ENOSYS, or no such entry", Mount32},
    {"abi.x32", "ENOSYS, though the 64-bit call works", X32},
#endif
    {"abi.unknown_calls", "ENOSYS", UnknownCalls},
};

}  // namespace

std::span<const Attempt> AbiAttempts() { return kAttempts; }

}  // namespace cove::escape
