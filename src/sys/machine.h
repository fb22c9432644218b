// What the kernel can still give to anybody on this machine, and all that it has to give.
// Sources: proc(5) meminfo, Documentation/admin-guide/sysctl/kernel.rst ("pty"). Thread-safe.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace cove::sys {

struct Machine {
  uint64_t memory_available = 0;  // bytes
  uint64_t memory = 0;
  uint64_t terminals_available = 0;  // pseudo-terminals, to sandboxes
  uint64_t terminals = 0;
};

Result<Machine> LookAtMachine();

}  // namespace cove::sys
