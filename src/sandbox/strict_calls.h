// The allowlist of the strict profile: what ordinary programs (shells, compilers, interpreters,
// servers) use. Namespaces, mounts, tracing, kernel state and file handles are not here.
#pragma once

#include <span>

namespace cove::sandbox {

// Names for libseccomp; those that this architecture lacks are to be skipped.
std::span<const char* const> StrictCallNames();
// Calls younger than libseccomp's list. Above 424 the numbers are the same on all architectures.
std::span<const int> StrictCallNumbers();

}  // namespace cove::sandbox
