// One file of the audit, read in pieces. For the files of this room.
// Thread: blocks on the disk.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::audit {

struct Segment {
  UniqueFd fd;
  uint64_t bytes = 0;
};
Result<Segment> OpenSegment(const std::string& path);
// From the file's name; 0 when it is none of ours.
uint64_t FirstSeqOf(const std::string& path);

Result<std::string> ReadAt(int fd, uint64_t offset, size_t bytes);
// A good many whole lines, unless the file ends.
Result<std::string> ReadBlock(int fd, uint64_t offset);
// Where the first line with that number or a higher one begins: by halving, lines are in order.
Result<uint64_t> OffsetOf(const Segment& file, uint64_t seq);

// Calls `fn` with each whole line before file.bytes, from the last one; stops when it gives false,
// or when `budget` bytes were read.
Result<void> EachLineBackwards(const Segment& file, uint64_t* budget,
                               const std::function<bool(std::string_view, uint64_t end)>& fn);

}  // namespace cove::audit
