// One row of the audit: a decision about something that wanted to leave a sandbox, or its end; that
// processes of a sandbox were killed for want of memory, or that Cove stopped one and could not
// start it again; or that the oldest rows were removed.
//
// On disk a record is one line of JSON with sorted meaning but fixed order of keys, and `prev`, the
// SHA-256 of the line before it (docs/formats/audit.md). Text that comes from a sandbox is cut to
// kFieldBytesMax and every byte that is not visible ASCII becomes "\xNN" before it is escaped as
// JSON, so no input can forge a line, break one, or paint on a terminal.
// Thread: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/strong_id.h"

namespace cove::audit {

inline constexpr size_t kFieldBytesMax = 512;

enum class Kind : uint8_t {
  kDecision,  // may it happen? written before it does
  kClose,     // how it ended; `decision` refers to the decision's seq
  kOom,       // processes were killed for want of memory: `kills`, of which `detail` says more
  kDown,      // stopped for a snapshot and not started again; `detail` says why
  kPruned,    // the oldest records are about to be removed, up to `removed_to`
};

struct Record {
  // Set by the log.
  uint64_t seq = 0;
  WallTime time;

  Kind kind = Kind::kDecision;
  SandboxId sandbox;
  std::string user;     // who made the sandbox
  std::string channel;  // one of kChannels
  bool allow = false;
  std::string host;  // the name judged; empty when none was given
  uint16_t port = 0;
  std::string claimed;  // the address the sandbox dialled; only its claim
  std::string rule;     // the rule that decided, or came nearest
  std::string layer;    // where that rule comes from
  std::string reason;   // policy::ReasonName
  std::string method;   // of an HTTP request that the gateway read
  std::string path;     // the same, without its query, which may hold secrets
  std::string detail;   // the mismatching name, the address class
  // Names of the secrets that a request had: in a decision those of its head, in a closing record
  // also those that its body asked for. Joined by ", ".
  std::string secrets;
  uint64_t repeats = 0;  // denials of the sandbox not written since its last record of one

  // Closing records.
  uint64_t decision = 0;
  std::string address;     // the checked address that was dialled
  uint64_t bytes_out = 0;  // from the sandbox
  uint64_t bytes_in = 0;   // to the sandbox
  uint64_t requests = 0;   // HTTP requests carried, when the gateway parsed them
  int64_t duration_micros = 0;

  // Of kOom: how many since the last such record of the sandbox.
  uint64_t kills = 0;

  // Of kPruned: the last record that goes, and its hash, which the first one that stays names.
  uint64_t removed_to = 0;
  std::string removed_hash;

  bool operator==(const Record&) const = default;
};

// The closing record of an allowed decision, as yet without how it ended.
Record CloseOf(Record decision);

// Whether it says that something may happen or may not, or how that ended.
inline bool IsVerdict(Kind kind) { return kind == Kind::kDecision || kind == Kind::kClose; }

// How a kind stands in the files. KindOf: nothing for what is none.
std::string_view KindName(Kind kind);
std::optional<Kind> KindOf(std::string_view name);

// What `channel` may be.
inline constexpr std::string_view kChannels[] = {"dns",     "tls",   "https", "http", "tcp",
                                                 "connect", "socks", "model", "ssh"};

// Visible ASCII as it is, a backslash doubled, every other byte as \xNN, cut to kFieldBytesMax.
std::string CleanText(std::string_view text);

// The line without its newline. `prev` is the hash of the line before, 64 hex digits.
std::string WriteLine(const Record& record, std::string_view prev);
struct Line {
  Record record;
  std::string prev;
};
Result<Line> ParseLine(std::string_view text);
std::string HashLine(std::string_view line);

// The hash that the very first record names.
inline constexpr std::string_view kGenesis =
    "0000000000000000000000000000000000000000000000000000000000000000";

}  // namespace cove::audit
