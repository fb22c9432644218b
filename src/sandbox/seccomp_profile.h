// The system calls that no process of a sandbox may make, as a BPF program.
//
// Concept: everything is allowed but a list of what containers deny too (kernel-wide switches,
// huge attack surface, ways around the network rules). The mount family and user namespaces stay
// allowed, because Codex's own sandbox (bubblewrap) is built from them, and two user namespaces
// make that safe. Denied calls say EPERM; strange socket families EAFNOSUPPORT; calls of the 32-bit
// and x32 ABIs do not exist (ENOSYS). docs/decisions/0014-seccomp.md has the list and the reasons.
#pragma once

#include <string>

#include "base/result.h"

namespace cove::sandbox {

// An array of struct sock_filter, for seccomp(SECCOMP_SET_MODE_FILTER).
Result<std::string> DefaultSeccompProgram();

}  // namespace cove::sandbox
