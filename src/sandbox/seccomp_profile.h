// The system calls that no process of a sandbox may make, as a BPF program.
//
// Concept: in the default profile everything is allowed but a list of what containers deny too
// (kernel-wide switches, huge attack surface, ways around the network rules). The mount family and
// user namespaces stay allowed, because Codex's own sandbox (bubblewrap) is built from them, and
// two user namespaces make that safe. In the strict profile those are denied too, and an allowlist
// (strict_calls.h) stands before it all: what it does not name does not exist (ENOSYS). Denied
// calls say EPERM; strange socket families EAFNOSUPPORT; calls of the 32-bit and x32 ABIs, and
// those of kernels younger than the list, do not exist (ENOSYS). docs/decisions/0014, 0016 and 0127
// have the list and the reasons.
#pragma once

#include <string>

#include "base/result.h"
#include "proto/profile.h"

namespace cove::sandbox {

// Set-id bits and extended attributes (capabilities of files): what gives a file power over whoever
// executes it. Denied where a box writes to directories of the host; docs/decisions/0090.
enum class FileMarks { kAllowed, kDenied };

// An array of struct sock_filter, for seccomp(SECCOMP_SET_MODE_FILTER).
Result<std::string> SeccompProgram(proto::Profile profile, FileMarks marks = FileMarks::kAllowed);

}  // namespace cove::sandbox
