// Session: one box from its image to its end: server, sandbox, self-test, hook, Codex.
// Thread: loop-confined.
#pragma once

#include "async/signals.h"
#include "box/prepare.h"

namespace cove::box {

// Codex's exit code. Whatever the outcome, nothing of the box is left but its audit log.
Task<Result<int>> RunSession(const Prepared& prepared, const World& world, async::Signals& signals);

}  // namespace cove::box
