// The loop device of an image file: never two on one file, which would destroy what is in it.
// Sources: loop(4), linux/loop.h. Thread-safe; the caller keeps others from attaching the same file
// (a lock).
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

struct LoopDevice {
  std::string path;  // /dev/loopN
  UniqueFd fd;       // keeps it attached until it is mounted
};

// The device that `image` is attached to, by device and inode, whoever attached it; else a new one,
// which the kernel detaches when its last user is gone. `image` must be open for writing.
Result<LoopDevice> AttachLoop(int image);

}  // namespace cove::sys
