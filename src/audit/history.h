// Reading the audit's files: the last records, the end of the chain, and whether the chain holds.
// All of it blocks on the disk: call it from a pool's thread, or from a program without a loop.
//
// The files: `decisions-<seq of the first record, 20 digits>.ndjson` in one directory; names sort
// in the order of the chain, which runs on from file to file. Format: docs/formats/audit.md.
// Thread: no state; safe while a Log appends (a line that is being written is not looked at).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "audit/record.h"

namespace cove::audit {

std::string SegmentName(uint64_t first_seq);
// Paths, oldest first.
Result<std::vector<std::string>> ListSegments(const std::string& directory);

// The newest `count` records that `wanted` accepts, oldest first. Looks at most
// kTailBytesMax back, so an idle sandbox of long ago may show nothing.
inline constexpr uint64_t kTailBytesMax = 64ull << 20;
Result<std::vector<Record>> ReadTail(const std::string& directory, size_t count,
                                     std::string_view needle,
                                     const std::function<bool(const Record&)>& wanted);

// Where the chain ends: what an appender needs. A last line without its newline (a crash in the
// middle of a write) does not count; `whole_bytes` is the last file's size without it.
struct ChainEnd {
  uint64_t seq = 0;  // 0: nothing was ever recorded
  std::string hash = std::string(kGenesis);
  std::string segment;  // path of the last file; empty when there is none
  uint64_t whole_bytes = 0;
};
Result<ChainEnd> FindChainEnd(const std::string& directory);

// Walks the whole chain. kInvalid names the first record that does not follow from the one
// before it. Gives the number of records.
Result<uint64_t> VerifyChain(const std::string& directory);

}  // namespace cove::audit
