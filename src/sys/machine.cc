#include "sys/machine.h"

#include <algorithm>

#include "sys/small_file.h"

namespace cove::sys {
namespace {

// A machine without them has none to give.
uint64_t TerminalsIn(const std::string& name) {
  const auto number = ReadNumber("/proc/sys/kernel/pty/" + name);
  return number ? *number : 0;
}

}  // namespace

Result<Machine> LookAtMachine() {
  ASSIGN_OR_RETURN(const std::string memory, ReadFile("/proc/meminfo"));
  Machine out;
  out.memory_available = CounterIn(memory, "MemAvailable:");
  out.memory = CounterIn(memory, "MemTotal:");
  const uint64_t most = TerminalsIn("max");
  out.terminals = most - std::min(most, TerminalsIn("reserve"));
  out.terminals_available = out.terminals - std::min(out.terminals, TerminalsIn("nr"));
  return out;
}

}  // namespace cove::sys
