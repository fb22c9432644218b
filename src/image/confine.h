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

// Keeps only the system calls that copying and removing trees and telling of it need: no new
// socket, no process, no exec. Others fail with EPERM and are logged once (sys/allow_calls.h).
Result<void> KeepFileCalls();

}  // namespace cove::image
