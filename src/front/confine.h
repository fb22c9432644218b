// Confine: what the front gives up before it parses a byte that a stranger wrote.
//
// It has no capability and cannot gain one (the runner saw to that). Here it also loses the calls
// that a web server never needs and an attacker in it would want first: ptrace and reading other
// processes' memory, mounts, namespaces, kernel modules, keys, bpf, io_uring, perf, and executing
// programs. Core dumps are off, because keys of providers are in its memory.
// Thread: call once, before any other thread exists.
#pragma once

#include "base/result.h"

namespace cove::front {

Result<void> Confine();

}  // namespace cove::front
