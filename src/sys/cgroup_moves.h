// Quick moves between cgroups.
//
// A process that is moved (every command of a sandbox is) takes a lock of the whole machine for
// writing. By default that lock is made for readers (fork, exit), and its writer waits for an RCU
// grace period: 7 to 30 ms on a machine that was idle. The mount option `favordynmods` (kernel 6.0)
// turns it round for as long as a hierarchy mounted with it exists: moves take microseconds, forks
// one memory barrier more. So we mount an empty named hierarchy of our own, nowhere: no mount of
// the operator's is touched, and it ends with its descriptor. Sources:
// Documentation/admin-guide/cgroup-v2.rst (favordynmods), kernel/cgroup/cgroup-v1.c.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

// Moves are quick while the descriptor is open. An error means only that they are not (an older
// kernel, or v1 hierarchies forbidden).
Result<UniqueFd> FavorCgroupMoves();

}  // namespace cove::sys
