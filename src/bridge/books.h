// Books: what stands between a model call and its provider, and what is known of it afterwards.
//
// Enter() asks the caller's rate and its calls at once, before the request's body is read; Admit()
// every budget, and writes the row of the call. Finish() ends the row with its cost and frees what
// the call held. Between the two is a Ticket, which ends the call as abandoned if it is destroyed
// without Finish(). Thread: loop-confined. The store must outlive the object, and the object its
// tickets.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>

#include "async/task_group.h"
#include "bridge/budgets.h"
#include "bridge/metrics.h"
#include "bridge/provider_error.h"
#include "bridge/rates.h"

namespace cove::bridge {

struct BooksSettings {
  PriceTable prices;  // with what it falls back to
  RateLimits rates;
  TextMode texts = TextMode::kRedacted;  // what is kept of what was said
  int retention_days = 60;               // rows older than this go; 0: never
  Duration budget_wait = seconds(60);    // for calls under way to leave room in a budget
};

// A call that has ended, for those who are told of it.
struct Ended {
  std::string id;
  CallStart start;
  WallTime started_at;
  WallTime ended_at;
  CallEnd end;
  Charge charge;
  std::string answer_model;  // that the provider says it used
  std::string stop;          // why the answer ended, in its word
};

class Books;

// A call that counts as under way for its caller, while it lives. The Books outlives it.
class Seat {
 public:
  Seat() = default;
  Seat(Seat&& other) noexcept;
  Seat& operator=(Seat&& other) noexcept;
  ~Seat() { Leave(); }
  bool taken() const { return books_ != nullptr; }

 private:
  friend class Books;
  Seat(Books& books, std::string caller) : books_(&books), caller_(std::move(caller)) {}
  void Leave();
  Books* books_ = nullptr;
  std::string caller_;
};

class Ticket {
 public:
  Ticket(Ticket&&) noexcept;
  Ticket& operator=(Ticket&&) = delete;
  ~Ticket();
  const std::string& id() const;

 private:
  friend class Books;
  struct Open;
  explicit Ticket(std::unique_ptr<Open> open);
  std::unique_ptr<Open> open_;
};

class Books {
 public:
  struct Deps {
    store::Store* store = nullptr;
    std::string folder;  // of the calls' journals (call_writer.h); empty: there are none
    // A call of this sandbox met the end of a budget that pauses; empty: it is only refused.
    std::function<void(const SandboxId&)> pause;
    // Told of each call that has ended; must not wait.
    std::function<void(const Ended&)> on_ended;
  };
  Books(Deps deps, BooksSettings settings);
  ~Books();
  Books(const Books&) = delete;

  // Once, before the first Admit: reads the budgets, and settles what a former process left open by
  // an estimate; gives how many calls that were.
  Task<Result<int64_t>> Open();

  // The seat of a call of this caller, or what to tell the agent: the book is not told.
  std::variant<Seat, ProviderError> Enter(const std::string& caller);
  // The ticket, or what to tell the agent. The call's row is written before this returns one.
  // Without a seat it enters first. A call whose asker has gone while it waited for a budget is not
  // made. A refusal is in the book.
  Task<std::variant<Ticket, ProviderError>> Admit(CallStart start, Seat seat = {}, Gone gone = {});
  // The call was refused by somebody else of Cove's: it gets a row of its own and is counted. More
  // than kRefusedPerMinute of one caller, or kRefusedPerMinuteOfAll, are counted only: refusals
  // cost whoever asks for them nothing, and may come as fast as a loop can turn. So are all of who
  // has no organisation: nobody knows who that is.
  void Refused(CallStart start, const ProviderError& error);
  static constexpr int kRefusedPerMinute = 120;
  static constexpr int kRefusedPerMinuteOfAll = 600;
  Task<Result<void>> Finish(Ticket ticket, CallEnd end, Said said = {});

  // For ever: removes rows that are too old, a bounded number at a time.
  Task<void> KeepTidy();
  // Does that once; gives how many rows went.
  Task<Result<int64_t>> Prune(WallTime now);

  // Returns when what has ended is in the store.
  Task<void> Flush() { return log_.Flush(); }

  CallLog& log() { return log_; }
  Budgets& budgets() { return *budgets_; }  // REQUIRES: Open()
  const PriceTable& prices() const { return settings_.prices; }
  const Metrics& metrics() const { return metrics_; }
  int in_flight() const { return rates_.in_flight(); }  // calls that have a seat

 private:
  friend class Seat;
  friend class Ticket;
  ProviderError TooManyCalls(const TooMany& why) const;
  ProviderError Refusal(const CallStart& start, const Exhausted& why);
  Task<std::variant<Ticket, ProviderError>> Begin(const CallStart& start, Seat seat, Gone gone);
  Task<void> AddRefused(Call call);
  Task<Result<void>> Settle(std::unique_ptr<Ticket::Open> open, CallEnd end, Said said);
  Task<void> Abandon(std::unique_ptr<Ticket::Open> open);
  // `answered`: the model that the provider says it used; empty: it did not say.
  Charge ChargeOf(const CallStart& start, const CallEnd& end, const std::string& answered,
                  WallTime started_at) const;
  int64_t SizeOf(const std::string& response_id) const;
  void Remember(const CallEnd& end);

  Deps deps_;
  const BooksSettings settings_;
  CallLog log_;
  Rates rates_;
  Rates refused_{{.per_minute = kRefusedPerMinute}};  // whose rows are written, by caller
  Rates refused_of_all_{{.per_minute = kRefusedPerMinuteOfAll}};  // as one caller
  Metrics metrics_;
  std::unique_ptr<Budgets> budgets_;
  // How many tokens a conversation has after a response, for calls that go on with it.
  std::unordered_map<std::string, int64_t> sizes_;
  std::deque<std::string> sizes_order_;
  async::TaskGroup tasks_;  // last: its tasks use all the others
};

}  // namespace cove::bridge
