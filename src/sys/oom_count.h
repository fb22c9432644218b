// How many processes of a memory cgroup the kernel has killed for want of memory, read from an open
// memory.events (v2) or memory.oom_control (v1), as often as wanted. Apart from sys/cgroup.h for
// the toolbox, which is handed the descriptor and knows nothing else of cgroups.
// Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. Thread-safe.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace cove::sys {

Result<uint64_t> ReadOomKills(int fd);
// How often memory ran out, counted before a victim is chosen; v2 only, else 0.
Result<uint64_t> ReadOutOfMemory(int fd);

}  // namespace cove::sys
