// Gives up what a worker does not need. Each call is for good.
// Sources: capabilities(7), fsopen(2), chroot(2). Thread: a process with one thread.
#pragma once

#include <span>

#include "base/result.h"

namespace cove::image {

// Makes an empty directory that is nowhere in the tree the root and the working directory. What is
// open stays usable. REQUIRES: CAP_SYS_ADMIN and CAP_SYS_CHROOT.
Result<void> EnterEmptyRoot();

// Keeps only these capabilities, and sets no_new_privs.
Result<void> KeepCapabilities(std::span<const int> capabilities);

}  // namespace cove::image
