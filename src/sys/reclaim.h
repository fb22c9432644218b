// The memory of a box that stands still, given back to the machine.
// Source: Documentation/admin-guide/cgroup-v2.rst ("memory.reclaim") and cgroup-v1/memory.rst
// ("force_empty"). Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

// What gives a box's memory back once it is opened: file cache, and where `Swap::kAllowed` and the
// machine has swap, all of it.
struct Reclaim {
  UniqueFd file;     // to write to
  UniqueFd stat;     // the group's memory.stat
  std::string text;  // what to write, in one call
};

// The kernel passes over what somebody else has in hand just then: a sync, the compaction of
// memory. So it is asked again, with pauses of some seconds in all, while file cache is left.
// Blocks. kTimeout says how much stayed.
Result<void> GiveMemoryBack(int file, int stat, std::string_view text);

}  // namespace cove::sys
