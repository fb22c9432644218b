// Room: what the runner and its machine have left for boxes, and whether that is enough for one
// more. The runner tells it; the front refuses by it before any work is done, and the runner itself
// asks once more, because what it told may be a second old. Thread: pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace cove::proto {

struct Room {
  uint64_t files_max = 0;       // open files that the runner may have
  uint32_t boxes_by_files = 0;  // for how many boxes they do, those that exist included
  uint32_t boxes_by_uids = 0;   // the same of ranges of uids
  uint64_t threads = 0;         // of the whole machine, now
  uint64_t threads_max = 0;
  uint64_t host_available_bytes = 0;  // the data directory's own file system
  uint64_t host_reserve_bytes = 0;
  uint64_t disk_bytes = 0;  // where boxes write, for all of them
  uint64_t disk_available_bytes = 0;
  bool weighs_io = true;  // false: weights of input and output have no effect on this machine
  template <class A>
  void Fields(A& a) {
    a(files_max, boxes_by_files, boxes_by_uids, threads, threads_max, host_available_bytes,
      host_reserve_bytes, disk_bytes, disk_available_bytes, weighs_io);
  }
};

// Whether they differ so much that somebody should hear of it.
bool Differ(const Room& a, const Room& b);

enum class For {
  kNewBox,
  kStart,  // of a box that exists: it has its range of uids, and may delete what fills the disk
};

// `boxes` exist already. kExhausted, saying what is missing and what to do.
Result<void> CheckRoom(const Room& room, size_t boxes, For what);

// Of the disk of the data directory `available` bytes are free; `kept` of them are not for
// sandboxes. kExhausted in the same way.
Result<void> CheckReserve(uint64_t available, uint64_t kept);

}  // namespace cove::proto
