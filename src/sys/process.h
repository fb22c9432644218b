// Processes by pidfd: a name that cannot come to mean another process.
// Sources: pidfd_open(2), pidfd_getfd(2), proc(5), linux/pidfd.h. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

Result<UniqueFd> PidfdOpen(pid_t pid);
// kGone when it has ended.
Result<void> PidfdSignal(int pidfd, int signal);
// A duplicate of another process's descriptor (needs the right to trace it).
Result<UniqueFd> PidfdGetFd(int pidfd, int fd);

// When it started, in clock ticks since boot: pid and this together never recur. kGone when there
// is no such process (or it is a zombie).
Result<uint64_t> StartTime(pid_t pid);

// How many files it has open, in every table that a thread of it has, or has room for where the
// kernel (before 6.2) does not say more. Not there: none.
uint64_t OpenFiles(pid_t pid);

// The wait status of a process that has ended: our child's is reaped; another's is asked for, and
// nothing if the kernel cannot tell. REQUIRES: the pidfd is readable.
std::optional<int> ExitStatus(int pidfd);

}  // namespace cove::sys
