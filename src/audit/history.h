// Reading the audit's files: the last records, the end of the chain, and whether the chain holds.
// All of it blocks on the disk: call it from a pool's thread, or from a program without a loop.
//
// The files: `decisions-<seq of the first record, 20 digits>.ndjson` in one directory; names sort
// in the order of the chain, which runs on from file to file. Format: docs/formats/audit.md.
// Thread: no state; safe while a Log appends (a line that is being written is not looked at).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/record.h"

namespace cove::audit {

std::string SegmentName(uint64_t first_seq);
// Paths, oldest first.
Result<std::vector<std::string>> ListSegments(const std::string& directory);

// How much is looked through, from the end, for one page of records.
inline constexpr uint64_t kTailBytesMax = 64ull << 20;

// Where the chain ends: what an appender needs. A last line without its newline (a crash in the
// middle of a write) does not count; `whole_bytes` is the last file's size without it.
struct ChainEnd {
  uint64_t seq = 0;  // 0: nothing was ever recorded
  std::string hash = std::string(kGenesis);
  std::string segment;  // path of the last file; empty when there is none
  uint64_t whole_bytes = 0;
};
Result<ChainEnd> FindChainEnd(const std::string& directory);

// The last record of a chain, as whoever keeps it elsewhere writes it down: "SEQ:HASH". What comes
// before it cannot be changed without changing it.
struct Head {
  uint64_t seq = 0;
  std::string hash = std::string(kGenesis);
  std::string ToString() const;
  static std::optional<Head> Parse(std::string_view text);
};

// Whether lines follow from each other. kAnywhere: they may begin in the middle of a chain. A whole
// chain begins with record 1, or where one of its own records (kPruned) says that the rest begins.
class ChainCheck {
 public:
  enum class From { kBeginning, kAnywhere };
  // `wanted` has to be among them.
  ChainCheck(From from, std::optional<Head> wanted) : from_(from), wanted_(std::move(wanted)) {}

  // kInvalid says which record is not what it was.
  Result<void> Add(std::string_view line);
  Result<void> Finish() const;
  const Head& head() const { return head_; }
  uint64_t records() const { return records_; }

 private:
  From from_;
  std::optional<Head> wanted_;
  Head before_;            // what the first record follows from
  bool announced_ = true;  // that all up to there was removed
  Head head_;
  uint64_t records_ = 0;
};

// Walks the whole chain, from what the oldest file begins with; a change, a gap, another order are
// found anywhere, a cut at the end only where `wanted` says what there was. Gives the head.
Result<Head> VerifyChain(const std::string& directory, std::optional<Head> wanted = std::nullopt);

}  // namespace cove::audit
