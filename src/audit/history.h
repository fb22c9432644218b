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
// of its own records (kPruned) says that the rest begins, or after `wanted`.
class ChainCheck {
 public:
  // A log has all its records, or somebody took some away. A file that somebody saved may have a
  // part of them: where records are missing it is taken up again behind the gap, and Missing()
  // tells of it, and that what stands before a gap may be anything.
  enum class Of : uint8_t { kLog, kFile };
  // `wanted` has to be among them, or be the one before the first.
  ChainCheck(Of of, std::optional<Head> wanted);

  // kInvalid says which record is not what it was.
  Result<void> Add(std::string_view line);
  // The log was cut, at either end. REQUIRES: kLog.
  Result<void> Finish() const;
  // What is not there, or stands where nothing can be said of it; empty: it is a whole chain.
  // REQUIRES: kFile.
  std::string Missing() const;
  // The last line is no whole one.
  void NoteCutLine() { cut_line_ = true; }
  const Head& head() const { return head_; }
  uint64_t first() const { return before_.seq + 1; }
  uint64_t records() const { return records_; }

 private:
  Result<void> TakeUp(const Record& record, const std::string& prev);
  Result<void> CompareWanted();

  Of of_;
  std::optional<Head> wanted_;
  bool met_ = false;       // `wanted` was
  Head before_;            // what the first record follows from
  bool announced_ = true;  // that all up to there was removed
  Head head_;
  uint64_t records_ = 0;
  uint64_t gaps_ = 0;
  std::string first_gap_;
  uint64_t before_gap_ = 0;    // the record that the last gap follows
  uint64_t run_from_ = 1;      // the first record since
  uint64_t vouched_from_ = 1;  // what `wanted` was, if met, vouches for: from there up to it
  bool cut_line_ = false;
};

// A chain that holds: its first and last record, and how many there are.
struct Verified : Head {
  uint64_t first = 1;
  uint64_t records = 0;
  // Of a file: what is not in it, and what it leaves without proof. Empty: it is whole.
  std::string missing;
};

// Walks the whole chain, from what the oldest file begins with; a change, a gap, another order are
// found anywhere, a cut at the end only where `wanted` says what there was.
Result<Verified> VerifyChain(const std::string& directory,
                             std::optional<Head> wanted = std::nullopt);
// The same for lines that somebody saved, which may be a part of the chain: what is there is
// checked, and what is not is told.
Result<Verified> VerifyFile(std::string_view text, std::optional<Head> wanted = std::nullopt);
// What either found, for programs: ok (it is whole), state ("whole", "part", "broken"), message,
// and of what is not broken first, records and head, else null.
json::Object VerdictJson(const Result<Verified>& verdict);

}  // namespace cove::audit
