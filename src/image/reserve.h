// Reserve: what must stay free of the disk that something is copied to. What is written costs no
// quota of the sandbox that it comes from, and reflinks there become data here. Source: statvfs(3).
// Thread: one at a time.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace cove::image {

class Reserve {
 public:
  static constexpr uint64_t kLookEvery = 16 << 20;
  // What an entry takes of the disk besides its data, about: an inode, or a block of a directory.
  static constexpr uint64_t kEntryBytes = 4096;
  // `fd`: of anything on that disk; it stays open. 0 bytes: nothing is kept.
  Reserve(int fd, uint64_t bytes) : fd_(fd), bytes_(bytes) {}
  // kExhausted, saying what to do: less is free.
  Result<void> Look();
  // So many bytes were written; looks after each kLookEvery of them.
  Result<void> Wrote(uint64_t bytes);

 private:
  int fd_;
  uint64_t bytes_;
  uint64_t written_ = 0;  // since the last look
};

}  // namespace cove::image
