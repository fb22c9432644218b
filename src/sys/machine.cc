#include "sys/machine.h"

#include <algorithm>

#include "base/text.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

Result<uint64_t> TerminalsIn(const std::string& name) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/sys/kernel/pty/" + name));
  return ParseInt<uint64_t>(Trim(text)).value_or(0);
}

}  // namespace

Result<Machine> LookAtMachine() {
  ASSIGN_OR_RETURN(const std::string memory, ReadFile("/proc/meminfo"));
  ASSIGN_OR_RETURN(const uint64_t most, TerminalsIn("max"));
  ASSIGN_OR_RETURN(const uint64_t reserve, TerminalsIn("reserve"));
  ASSIGN_OR_RETURN(const uint64_t used, TerminalsIn("nr"));
  Machine out;
  out.memory_available = CounterIn(memory, "MemAvailable:");
  out.memory = CounterIn(memory, "MemTotal:");
  out.terminals = most - std::min(most, reserve);
  out.terminals_available = out.terminals - std::min(out.terminals, used);
  return out;
}

}  // namespace cove::sys
