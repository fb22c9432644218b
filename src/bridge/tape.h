// Tape: the cassette in use ([ai] mode): what providers answer is written to it, or answers are
// given from it and no provider is called at all.
// Thread: loop-confined; files are written on the pool, which must outlive the object, as the
// object its responses.
#pragma once

#include <memory>
#include <mutex>

#include "async/offload.h"
#include "base/unique_fd.h"
#include "bridge/cassette.h"
#include "bridge/provider.h"

namespace cove::bridge {

struct TapeConfig {
  enum class Mode { kLive, kRecord, kReplay } mode = Mode::kLive;
  std::string path;
  Cassette::Match match = Cassette::Match::kExact;
};

class Tape {
 public:
  // For start-up, it blocks. Null in kLive. To record, the file is made, or added to.
  static Result<std::unique_ptr<Tape>> Open(const TapeConfig& config, async::ThreadPool& pool);

  bool replays() const { return cassette_.has_value(); }
  // REQUIRES: replays(). Null: it is not on the cassette.
  std::unique_ptr<http::ClientResponse> Play(const std::string& caller, const RecordedCall& asked);
  // REQUIRES: !replays(). The same answer, which is written down once it has been read to its end,
  // uncompressed; one that cannot be read so is not written. `secrets` do not get into the file.
  std::unique_ptr<http::ClientResponse> Record(std::unique_ptr<http::ClientResponse> response,
                                               RecordedCall call, std::vector<Secret> secrets);

 private:
  class Recording;
  struct File {
    UniqueFd fd;
    std::mutex one_line_at_a_time;
  };
  explicit Tape(async::ThreadPool& pool) : pool_(pool) {}
  async::Task<void> Append(RecordedCall call);

  async::ThreadPool& pool_;
  std::optional<Cassette> cassette_;
  std::shared_ptr<File> file_;
};

}  // namespace cove::bridge
