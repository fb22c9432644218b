// Admission: whether the machine can take one more. Pure.
#pragma once

#include "base/result.h"
#include "control/ports.h"

namespace cove::control {

// What the others hold: memory of those that run or are about to, disk of all.
struct Promised {
  size_t sandboxes = 0;
  double memory_gib = 0;
  double disk_gib = 0;
};

// What is asked for anew: a start of a stopped one asks for memory only.
struct Wanted {
  size_t sandboxes = 1;
  double memory_gib = 0;
  double disk_gib = 0;
};

// kExhausted, saying what is missing, who holds it and what to do.
Result<void> Admit(const Wanted& wanted, const Promised& promised, const Settings& settings,
                   const MachineFacts& machine);

}  // namespace cove::control
