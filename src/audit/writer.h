// The audit's files as its log writes them, and takes the oldest away. For the files of this room.
// Thread: blocks on the disk; one call at a time, on the pool's threads; between calls nobody
// touches it.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "audit/history.h"
#include "base/unique_fd.h"

namespace cove::audit {

struct LogLimits {
  uint64_t segment_bytes_max = 64ull << 20;  // a new file is begun after this
  size_t pending_max = 16384;                // records waiting for the disk; more are refused
  uint64_t disk_bytes_max = 0;               // all files; the oldest go then; 0: none ever goes
};

class Writer {
 public:
  // Where `end` says that the chain in `directory` ends.
  static Result<Writer> Open(std::string directory, ChainEnd end, const LogLimits& limits);

  // Durable when it returns. On an error nothing of it counts, and the next call cuts it away.
  Result<void> Append(std::string_view lines, uint64_t first_seq);

  // The oldest file, when all are over the limit; never the one that is written.
  struct Oldest {
    std::string path;
    Head last;  // the last record in it
  };
  Result<std::optional<Oldest>> Excess() const;
  // REQUIRES: it is the oldest, and a durable record says that it goes.
  Result<void> RemoveOldest();

 private:
  struct File {
    std::string path;
    uint64_t bytes = 0;
  };
  Writer(std::string directory, const LogLimits& limits)
      : directory_(std::move(directory)), limits_(limits) {}
  Result<void> OpenLast();
  Result<void> Write(std::string_view rest);

  std::string directory_;
  LogLimits limits_;
  std::deque<File> files_;  // the last one is written
  UniqueFd fd_;
};

}  // namespace cove::audit
