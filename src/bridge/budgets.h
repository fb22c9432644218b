// Budgets: how much money the calls of somebody may cost, and what happens at the end of it.
//
// Concept: a budget is a limit for one period (a UTC day, a UTC month, all time) on an
// organisation, or on one or each ("*") of its users, keys, tokens, templates or sandboxes. What
// was spent stands in the store and is added to in the write that ends a call's row, so the two
// never differ; this object follows it in memory and adds what is *held*: the most that the calls
// under way can cost.
//
// A call starts if what is spent, what is held and its own most fit into every budget that it falls
// under, or if it would be the only one under way in those where they do not. Otherwise it waits
// for one of those under way to end. So a limit is passed by what one call costs beyond it, at the
// most, however many come at once; and near its end the calls of a budget go one after the other.
// What is held is in memory only: a process that dies holds nothing, and what it left open is
// settled by the next one at its start (books.h).
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "bridge/agent_watch.h"
#include "bridge/call_log.h"

namespace cove::bridge {

enum class Scope { kOrganization, kUser, kKey, kToken, kTemplate, kSandbox };
enum class Period { kDay, kMonth, kTotal };
enum class OnExhausted { kRefuse, kPause, kWarn };
enum class Unpriced { kRefuse, kAllow };

struct Budget {
  std::string id;
  OrgId org;
  Scope scope = Scope::kOrganization;
  std::string subject;  // of kOrganization empty; "*": each one by itself
  Period period = Period::kMonth;
  Micros limit = 0;
  OnExhausted on_exhausted = OnExhausted::kRefuse;
  Unpriced unpriced = Unpriced::kRefuse;  // calls of models without a price
  WallTime created_at;
};

// As the API names them.
std::string_view ScopeName(Scope scope);
std::string_view PeriodName(Period period);
std::string_view OnExhaustedName(OnExhausted action);
std::string_view UnpricedName(Unpriced unpriced);
std::optional<Scope> ParseScope(std::string_view name);
std::optional<Period> ParsePeriod(std::string_view name);
std::optional<OnExhausted> ParseOnExhausted(std::string_view name);
std::optional<Unpriced> ParseUnpriced(std::string_view name);

// What one subject of a budget has used of the current period.
struct BudgetUse {
  std::string subject;
  WallTime period_start;
  Micros spent = 0;
  Micros held = 0;
  int64_t calls = 0;
  int64_t in_flight = 0;
};

// Why a call may not start.
struct Exhausted {
  enum class Why { kSpent, kUnpriced, kBusy, kGone };
  Why why = Why::kSpent;
  Budget budget;
  std::string subject;
  Micros spent = 0;
};

class Budgets {
 public:
  static Task<Result<std::unique_ptr<Budgets>>> Open(store::Store& store);

  // kInvalid for one that makes no sense, kConflict when there is one with the same organisation,
  // scope, subject and period. It counts what the rows say was spent in its period already.
  Task<Result<Budget>> Create(Budget budget);
  // Only limit, on_exhausted and unpriced can change. kNotFound.
  Task<Result<Budget>> Change(Budget budget);
  Task<Result<void>> Delete(OrgId org, std::string id);
  // By scope, subject and period.
  std::vector<Budget> List(const OrgId& org) const;
  std::optional<Budget> Find(const OrgId& org, std::string_view id) const;
  // Of the current period; those that used nothing are not in it, but for a budget of one subject.
  std::vector<BudgetUse> UseOf(const Budget& budget) const;

  // What a call that starts holds until it ends.
  class Hold {
   public:
    bool empty() const { return parts_.empty(); }

   private:
    friend class Budgets;
    struct Part {
      std::string budget;
      std::string subject;
    };
    std::vector<Part> parts_;
    Micros most_ = 0;
  };
  // The hold, or why not. `most`: what the call can cost at most; nothing: unpriced. Waits at most
  // until `deadline` (kBusy), and no longer than `gone` does (kGone; empty: nobody goes away).
  Task<std::variant<Hold, Exhausted>> Take(CallStart call, std::optional<Micros> most,
                                           TimePoint deadline, Gone gone = {});
  // The call has ended: what it held is free, and this is what its budgets have spent now.
  void Settle(Hold hold, const std::vector<Spent>& spent);
  // Forgets what was used in periods that are over.
  void DropOld();
  // There is no budget at all: nobody need ask.
  bool none() const { return budgets_.empty(); }
  // Calls that wait in Take.
  size_t waiting() const { return waiting_; }

 private:
  struct Use {
    WallTime period_start;
    Micros spent = 0;
    int64_t calls = 0;
    Micros held = 0;
    int64_t in_flight = 0;
    bool warned = false;  // in this period
  };
  using UseKey = std::pair<std::string, std::string>;  // budget, subject
  enum class Verdict { kGo, kWait, kNever };
  explicit Budgets(store::Store& store) : store_(store) {}

  Task<Result<void>> Load();
  Use& UseNow(const Budget& budget, const std::string& subject);
  // The budgets that `call` falls under, each with the subject that it is for it.
  std::vector<std::pair<const Budget*, std::string>> Under(const CallStart& call) const;
  Verdict Judge(const CallStart& call, std::optional<Micros> most, Exhausted* why);
  Hold Start(const CallStart& call, Micros most);
  void Follow(const Spent& spent);

  store::Store& store_;
  // For whom a budget is: organisation, scope, subject.
  using Whose = std::tuple<std::string, Scope, std::string>;
  static Whose WhoseOf(const Budget& budget);
  void Keep(Budget budget);
  void Drop(const std::string& id);

  std::map<std::string, Budget> budgets_;         // by id
  std::multimap<Whose, const Budget*> by_whose_;  // into budgets_: there may be thousands
  std::map<UseKey, Use> uses_;
  async::Event freed_;
  size_t waiting_ = 0;
};

}  // namespace cove::bridge
