// AllowOnly: from here on the process may make only the system calls that are named.
//
//   constexpr AllowedCall kCalls[] = {{"read"}, {"write"}, {"socket", 0, ~0u, AF_UNIX}};
//   RETURN_IF_ERROR(AllowOnly(kCalls, "front"));
//
// Any other call does nothing and fails with EPERM; the first time of each is one line on standard
// error, in the form of our log (event "syscall.refused", the call's name and number), so that an
// operator can report a call that was forgotten. A call of another ABI (32 bits, x32) kills.
// clone3 does not exist (ENOSYS).
// Sources: seccomp(2), seccomp_rule_add(3). Thread: call once, before any other thread exists; it
// takes SIGSYS for itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace cove::sys {

// Without an argument: always. Else allowed if (argument & mask) == value; several entries of one
// name are alternatives. A name that this architecture or libseccomp does not know is left out:
// it cannot be called either.
struct AllowedCall {
  const char* name;
  int argument = -1;
  uint64_t mask = 0;
  uint64_t value = 0;
};

// `who` stands in the log lines and must outlive the process. Sets no_new_privs.
Result<void> AllowOnly(std::span<const AllowedCall> calls, const char* who);

// BPF that goes in front of another filter program: calls that are not among `numbers` (of this
// architecture) end with `otherwise` (SECCOMP_RET_…), the others go on to what follows it.
std::string AllowlistHead(std::span<const int> numbers, uint32_t otherwise);

}  // namespace cove::sys
