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
#include "json/json.h"

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

// Whether lines follow from each other and are a whole chain: it begins with record 1, or where one
// of its own records (kPruned) says that the rest begins.
class ChainCheck {
 public:
  // `wanted` has to be among them.
  explicit ChainCheck(std::optional<Head> wanted) : wanted_(std::move(wanted)) {}

  // kInvalid says which record is not what it was.
  Result<void> Add(std::string_view line);
  Result<void> Finish();
  // After a refusal: nothing was found but that records are missing.
  bool incomplete() const { return incomplete_; }
  const Head& head() const { return head_; }
  uint64_t records() const { return records_; }

 private:
  std::optional<Head> wanted_;
  Head before_;            // what the first record follows from
  bool announced_ = true;  // that all up to there was removed
  Head head_;
  uint64_t records_ = 0;
  bool incomplete_ = false;
};

// A chain that holds: its last record, and how many there are.
struct Verified : Head {
  uint64_t records = 0;
};

// Walks the whole chain, from what the oldest file begins with; a change, a gap, another order are
// found anywhere, a cut at the end only where `wanted` says what there was.
Result<Verified> VerifyChain(const std::string& directory,
                             std::optional<Head> wanted = std::nullopt);
// The same for the lines of an export. Where only records are missing the refusal says that a
// filter may have left them out: that cannot be told from a cut.
Result<Verified> VerifyExport(std::string_view text, std::optional<Head> wanted = std::nullopt);
// What either found, for programs: ok, message, records and head (both null unless ok).
json::Object VerdictJson(const Result<Verified>& verdict);

}  // namespace cove::audit
