// Sweep: the end of boxes whose `cove box` was killed with all of its processes.
// Thread: loop-confined.
#pragma once

#include "box/private_server.h"
#include "box/run_dir.h"

namespace cove::box {

// A server that ends what is left: while it does, what still runs there reaches nothing, and finds
// no key of whoever starts this.
Result<ServerOptions> ServerToEnd(const BaseDir& base, const LeftOver& left);

// Best effort; what cannot be ended is tried again by the next start.
Task<void> Sweep(const BaseDir* base);

}  // namespace cove::box
