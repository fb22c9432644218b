// CallLog: the book of model calls. One row per call, written before anything leaves (by way of a
// journal, call_writer.h); completed when the call has ended. A row without an end is a call that
// runs, or whose process died. That a call began outlives Cove's own death at once, the machine's
// soon after Store::kFlushWithin.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/prices.h"
#include "bridge/said.h"
#include "store/store.h"

namespace cove::bridge {

using async::Task;

// How a call ended.
enum class Outcome {
  kCompleted,    // the whole answer went to the agent
  kFailed,       // so it did, but it told of an error under a good status
  kRejected,     // the provider answered with an error status, or pointed elsewhere
  kUnreachable,  // the provider was not reached, or refused before it did anything
  kBroken,       // the provider's answer was cut
  kClientGone,   // the agent went away first
  kAbandoned,    // the server ended before the call did
  kRefused,      // Cove did not make it
};
std::string_view OutcomeName(Outcome outcome);

// What a request lets its call use at most, as far as it says.
struct Ask {
  std::optional<int64_t> output_max;  // tokens of one answer
  int64_t answers = 1;
  std::string continues;  // the response whose conversation this one goes on with
  // The provider adds what it keeps or fetches, of unknown size: a conversation, files and URLs
  // that are only named, what tools of its own bring.
  bool hidden_context = false;
  bool searches = false;            // it adds what it finds on the web
  std::vector<std::string> models;  // further ones, of which the provider may take one instead
};

struct CallStart {
  OrgId org;
  SandboxId sandbox;          // empty: a call from outside that is bound to none
  std::string user;           // who made the sandbox, or holds the key or token
  std::string template_name;  // the snapshot of the sandbox
  std::string key_id;         // the API key of a call from outside
  std::string token_id;       // its token, where it came by one
  std::string provider;       // who is asked, and once the call has ended, who answered
  std::string fallback_from;  // who was asked first, where another answered
  std::string api;            // ApiName()
  std::string model;
  bool stream = false;
  // Of the agent, as its headers say; a claim, and cut to kNameBytesMax.
  std::string client;
  std::string session;
  std::string thread;
  std::string turn;
  uint64_t request_bytes = 0;
  // Not kept in the row:
  Ask ask;
  std::vector<std::string> fallbacks;  // the other providers that may answer it
};

// Who makes a call, for limits: outside its key, whatever tokens were made with that; inside its
// sandbox.
template <class Who>
const std::string& CallerOf(const Who& who) {
  return who.key_id.empty() ? who.sandbox.value : who.key_id;
}

struct CallEnd {
  Outcome outcome = Outcome::kCompleted;
  int status = 0;                          // of the provider; 0: none came. kRefused: Cove's own
  std::optional<microseconds> first_byte;  // from sending to the first byte of the answer's body
  microseconds duration{};
  uint64_t response_bytes = 0;
  Usage usage;
  std::string response_id;
  std::string request_id;  // of the provider, from the answer's head
  std::string provider;    // who answered, where it is not the one that was asked
  std::string key_hint;    // with which of its keys; empty: the agent's own, or none
  std::string refusal;     // kRefused: the code that the agent was told
};

// From what the cost of a call follows.
enum class CostBasis {
  kUsage,      // what the answer told
  kEstimated,  // the answer told no usage, or not its output: from the bytes
  kNone,       // the provider charges nothing: it refused, or was not reached
  kUnpriced,   // no price is known for the model: there is no cost, and it is not zero
};
std::string_view BasisName(CostBasis basis);

struct Charge {
  CostBasis basis = CostBasis::kUnpriced;
  Micros cost = 0;             // kUnpriced: means nothing
  std::optional<Price> price;  // the one that was used
};

struct Call {
  std::string id;
  CallStart start;
  WallTime started_at;
  std::optional<WallTime> ended_at;
  CallEnd end;    // when ended_at is set, and
  Charge charge;  // of its price the rates and the day only
};

struct CallFilter {
  OrgId org;
  SandboxId sandbox;  // empty: all; and so on
  std::string user;
  std::string template_name;
  std::string model;
  std::string provider;
  std::string outcome;  // OutcomeName()
  std::optional<WallTime> since;
  std::optional<WallTime> until;
  std::string before_id;  // a page's last id: the next page starts after it
  int limit = 100;        // 1 to kPageMax
};

// By what calls are added up.
enum class Group { kDay, kSandbox, kUser, kKey, kTemplate, kProvider, kModel };
std::optional<Group> ParseGroup(std::string_view name);
std::string_view GroupName(Group group);

struct Totals {
  std::vector<std::string> names;  // one for each group asked for; a day as "2026-11-21"
  int64_t calls = 0;               // that were made
  int64_t failed = 0;              // of them: ended in any other way than kCompleted
  int64_t usage_unknown = 0;       // completed, but the answer told no usage
  int64_t unpriced = 0;            // of which no cost is known
  int64_t estimated = 0;           // whose cost is an estimate
  int64_t input = 0;
  int64_t cached = 0;
  int64_t cache_write = 0;
  int64_t output = 0;
  int64_t reasoning = 0;
  Micros cost = 0;             // of those that are priced
  int64_t cache_write_1h = 0;  // of cache_write
  int64_t web_searches = 0;
  int64_t refused = 0;  // that Cove did not make; counted nowhere else
};

// What a budget has spent in one of its periods on one subject (budget_rows.h).
struct Spent {
  std::string budget;
  std::string subject;
  WallTime period_start;
  Micros spent = 0;
  int64_t calls = 0;
};

class CallWriter;

class CallLog {
 public:
  static constexpr size_t kNameBytesMax = 256;
  static constexpr int kPageMax = 1000;
  static constexpr int kGroupsMax = 10'000;

  explicit CallLog(store::Store& store, TextMode texts = TextMode::kRedacted);
  ~CallLog();
  CallLog(const CallLog&) = delete;

  // Once, before the first call: the journals of calls are in `folder`, and what a former process
  // left in them is written. Where that is empty, every row is in the store before its call begins.
  // New calls have greater numbers than all that are there, whatever the clock says.
  Task<Result<void>> Recover(std::string folder);
  // Gives the call, which has an id now. It is written when this returns, in its journal at least:
  // without it, do not forward.
  Task<Result<Call>> Begin(CallStart start);
  // The row of a call that was refused; gives its id. Of `call`, its id and times are not used.
  Task<Result<std::string>> AddRefused(Call call);
  // Ends the row, with what was said, and adds its cost to the spending of every budget that it
  // falls under, all or nothing; gives what those have spent from then on. Ending a call twice does
  // nothing. Of `call`, ended_at is not used. Returns when this is in the store: soon (a few
  // milliseconds), or as fast as it can be, for those who wait for it.
  enum class When { kSoon, kNow };
  Task<Result<std::vector<Spent>>> Finish(Call call, Said said = {}, When when = When::kNow);
  // Returns when what came before is in the store. Everything that reads does that first.
  Task<void> Flush();
  // What was said in a call of this organisation that has ended, and of this user if one is given.
  // kNotFound: there is no such call.
  Task<Result<Said>> ReadSaid(OrgId org, std::optional<std::string> user, std::string call_id);
  // What a former process left open, oldest first.
  Task<Result<std::vector<Call>>> ListOpen();

  // Newest first.
  Task<Result<std::vector<Call>>> List(CallFilter filter);
  // Of what `filter` selects (its page is not used), by `groups` in the order of the enumeration,
  // each once; sorted by them. At most kGroupsMax lines.
  Task<Result<std::vector<Totals>>> Sum(CallFilter filter, std::vector<Group> groups);
  // Deletes at most `limit` rows that began before `before` and have ended, and what budgets spent
  // in periods of days and months that began before it; gives how many rows.
  Task<Result<int64_t>> Prune(WallTime before, int64_t limit);

 private:
  std::string NextId(WallTime now);

  store::Store& store_;
  int64_t last_ = 0;  // number that was given to a call
  std::unique_ptr<CallWriter> writer_;
};

extern const store::Migrations kMigrations;

}  // namespace cove::bridge
