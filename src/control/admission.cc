#include "control/admission.h"

#include <fmt/format.h>

#include "control/gib.h"

namespace cove::control {
namespace {

// Below this the machine itself (and Cove) would suffer, whatever was promised.
constexpr uint64_t kMemoryFloorBytes = 256ull << 20;

Error Full(std::string text) { return Error(Code::kExhausted, std::move(text)); }

}  // namespace

Result<void> Admit(const Wanted& wanted, const Promised& promised, const Settings& settings,
                   const MachineFacts& machine) {
  if (promised.sandboxes + wanted.sandboxes > settings.sandboxes_max) {
    return Full(fmt::format(
        "there are {} sandboxes, the most allowed: delete some, or raise limits.sandboxes",
        promised.sandboxes));
  }
  const double memory = GibOf(machine.memory_bytes) * settings.memory_overcommit;
  if (wanted.memory_gib > 0 && promised.memory_gib + wanted.memory_gib > memory) {
    return Full(fmt::format(
        "not enough memory: {:.3g} GiB are asked for and {:.3g} of {:.3g} GiB are promised to "
        "sandboxes that run: stop some, ask for less, or raise limits.memory_overcommit",
        wanted.memory_gib, promised.memory_gib, memory));
  }
  const double disk = GibOf(machine.disk_bytes) * settings.disk_overcommit;
  if (wanted.disk_gib > 0 && promised.disk_gib + wanted.disk_gib > disk) {
    return Full(fmt::format(
        "not enough disk: {:.3g} GiB are asked for and {:.3g} of {:.3g} GiB are promised: delete "
        "sandboxes, ask for less, or raise limits.disk_overcommit",
        wanted.disk_gib, promised.disk_gib, disk));
  }
  if (machine.memory_available_bytes < kMemoryFloorBytes) {
    return Full(fmt::format("the machine has only {} MiB of memory left: stop some sandboxes",
                            machine.memory_available_bytes >> 20));
  }
  if (!machine.room) return Ok();  // the runner, when it is asked, looks itself
  return proto::CheckRoom(*machine.room, promised.sandboxes,
                          wanted.sandboxes > 0 ? proto::For::kNewBox : proto::For::kStart);
}

}  // namespace cove::control
