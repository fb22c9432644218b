// CallLog: the book of model calls. One row per call, written before anything leaves; completed
// when the call has ended. A row without an end is a call that runs, or whose process died.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/usage.h"
#include "store/store.h"

namespace cove::bridge {

using async::Task;

// How a call ended.
enum class Outcome {
  kCompleted,    // the whole answer went to the agent
  kRejected,     // the provider answered with an error status
  kUnreachable,  // no answer from the provider
  kBroken,       // the provider's answer was cut
  kClientGone,   // the agent went away first
  kAbandoned,    // the server ended before the call did
};
std::string_view OutcomeName(Outcome outcome);

struct CallStart {
  OrgId org;
  SandboxId sandbox;   // empty: a call from outside
  std::string key_id;  // the API key of a call from outside
  std::string provider;
  std::string api;  // ApiName()
  std::string model;
  bool stream = false;
  // Of the agent, as its headers say; a claim, and cut to kNameBytesMax.
  std::string client;
  std::string session;
  std::string thread;
  std::string turn;
  uint64_t request_bytes = 0;
};

struct CallEnd {
  Outcome outcome = Outcome::kCompleted;
  int status = 0;                          // of the provider; 0: none came
  std::optional<microseconds> first_byte;  // from sending to the first byte of the answer's body
  microseconds duration{};
  uint64_t response_bytes = 0;
  Usage usage;
  std::string response_id;
};

struct Call {
  std::string id;
  CallStart start;
  WallTime started_at;
  std::optional<WallTime> ended_at;
  CallEnd end;  // when ended_at is set
};

struct CallFilter {
  OrgId org;
  SandboxId sandbox;  // empty: all
  std::optional<WallTime> since;
  std::optional<WallTime> until;
  std::string before_id;  // a page's last id: the next page starts after it
  int limit = 100;        // 1 to kPageMax
};

struct Totals {
  std::string model;
  int64_t calls = 0;
  int64_t failed = 0;         // ended in any other way than kCompleted
  int64_t usage_unknown = 0;  // completed, but the answer told no usage
  int64_t input = 0;
  int64_t cached = 0;
  int64_t cache_write = 0;
  int64_t output = 0;
  int64_t reasoning = 0;
};

class CallLog {
 public:
  static constexpr size_t kNameBytesMax = 256;
  static constexpr int kPageMax = 1000;

  explicit CallLog(store::Store& store) : store_(store) {}

  // Gives the call's id. It is on disk when this returns: without it, do not forward.
  Task<Result<std::string>> Begin(CallStart start);
  Task<Result<void>> Finish(std::string id, CallEnd end);
  // At start-up: ends what a former process left open, as kAbandoned.
  Task<Result<int64_t>> EndAbandoned();

  // Newest first.
  Task<Result<std::vector<Call>>> List(CallFilter filter);
  // By model, of what `filter` selects (its page is not used).
  Task<Result<std::vector<Totals>>> Sum(CallFilter filter);

 private:
  store::Store& store_;
};

extern const store::Migrations kMigrations;

}  // namespace cove::bridge
