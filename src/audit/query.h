// Asking the audit: which records, newest first page by page, or all in order from one on.
// All of it blocks on the disk: call it from a pool's thread, or from a program without a loop.
// Thread: no state but a Reader's, which one thread at a time may use; safe while a Log appends.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/history.h"
#include "base/unique_fd.h"

namespace cove::audit {

// What is not set does not limit.
struct Filter {
  SandboxId sandbox;
  std::string sandbox_prefix;     // how its id begins
  std::optional<WallTime> since;  // inclusive
  std::optional<WallTime> until;  // exclusive
  std::optional<bool> allow;
  std::optional<Kind> kind;
  std::string host;    // that name; "*.name": those below it
  std::string reason;  // policy::ReasonName
  std::string user;
  std::string channel;
  uint16_t port = 0;
  std::string method;  // in any case
  std::string path;    // that one; "/start*": those that begin so
  std::string secret;  // a record that names it

  bool Matches(const Record& record) const;
  // A piece of text that every line of a matching record has; may be empty.
  std::string Needle() const;
};

struct Page {
  std::vector<Record> records;  // oldest first
  // Where the next page (of older ones) ends; 0: the beginning was reached. A page may be empty
  // and not the last: at most kTailBytesMax are looked through for one.
  uint64_t before = 0;
};
// The newest `count` records before the record `before` (0: the newest of all).
Result<Page> ReadPage(const std::string& directory, const Filter& filter, uint64_t before,
                      size_t count);

// Lines in order, on from file to file.
class Reader {
 public:
  // From the record `from` on, or the oldest that is left; it need not exist yet.
  static Result<Reader> Open(std::string directory, uint64_t from);

  // The next whole lines, a block's worth, none after the record `up_to`; empty: that is reached.
  // Leave nothing between: what is beyond `up_to` may not be durable yet. kNotFound: the next ones
  // were removed before they were read.
  Result<std::vector<std::string>> Next(uint64_t up_to);

 private:
  Reader() = default;
  Result<void> OpenSegment(const std::string& path);
  Result<void> CheckRemoved() const;

  std::string directory_;
  uint64_t next_ = 1;  // the record that the next line should be
  UniqueFd file_;
  uint64_t offset_ = 0;
};

// The number in a line's first field; nothing where it is none of ours.
std::optional<uint64_t> SeqOfLine(std::string_view line);

}  // namespace cove::audit
