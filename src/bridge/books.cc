#include "bridge/books.h"

#include <algorithm>

#include "async/timer.h"
#include "base/text.h"
#include "bridge/ask.h"
#include "log/log.h"

namespace cove::bridge {
namespace {

constexpr size_t kSizesMax = 8192;
constexpr int64_t kPruneStep = 500;
constexpr Duration kPruneEvery = std::chrono::hours(1);
constexpr Duration kPruneRest = milliseconds(50);
constexpr int64_t kDayMicros = 86'400'000'000;
constexpr seconds kBusyRetry{5};
constexpr const char* kNoRecord = "cove_no_record";

std::string WhoseText(const Budget& budget, const std::string& subject) {
  std::string out = "the " + std::string(PeriodName(budget.period)) + "'s budget of ";
  if (budget.period == Period::kTotal) out = "the budget of ";
  if (budget.scope == Scope::kOrganization) return out + "the organization";
  return out + "the " + std::string(ScopeName(budget.scope)) + " " + subject;
}

// Without the time of its end. What the provider says is cut as a row's names are.
Ended ToldOf(const Call& call, const Said& said) {
  const auto name = [](const std::string& text) {
    return std::string(CutUtf8(text, CallLog::kNameBytesMax));
  };
  Ended out{call.id,  call.start,  call.started_at,         WallTime{},
            call.end, call.charge, name(said.answer_model), name(said.stop)};
  out.end.response_id = name(call.end.response_id);
  return out;
}

}  // namespace

Seat::Seat(Seat&& other) noexcept { *this = std::move(other); }

Seat& Seat::operator=(Seat&& other) noexcept {
  if (this == &other) return *this;
  Leave();
  books_ = std::exchange(other.books_, nullptr);
  caller_ = std::move(other.caller_);
  return *this;
}

void Seat::Leave() {
  if (taken()) std::exchange(books_, nullptr)->rates_.Leave(caller_);
}

struct Ticket::Open {
  Books* books = nullptr;
  Seat seat;
  std::string id;  // empty: it was not admitted
  CallStart start;
  WallTime started_at;
  Budgets::Hold hold;
  bool under_way = true;

  // What a call counts for as long as it is under way.
  void Leave() {
    if (!std::exchange(under_way, false)) return;
    seat = Seat();
    books->metrics_.Left();
  }
  ~Open() {
    if (!hold.empty()) books->budgets_->Settle(std::move(hold), {});
    Leave();
  }
};

Ticket::Ticket(std::unique_ptr<Open> open) : open_(std::move(open)) {}
Ticket::Ticket(Ticket&&) noexcept = default;
const std::string& Ticket::id() const { return open_->id; }

Ticket::~Ticket() {
  if (open_ == nullptr || open_->id.empty()) return;
  Books* books = open_->books;
  books->tasks_.Spawn(books->Abandon(std::move(open_)));
}

Books::Books(Deps deps, BooksSettings settings)
    : deps_(std::move(deps)),
      settings_(std::move(settings)),
      log_(*deps_.store, settings_.texts),
      rates_(settings_.rates) {}

Books::~Books() = default;

Task<Result<int64_t>> Books::Open() {
  CO_RETURN_IF_ERROR(co_await log_.Recover(deps_.folder));
  // First what is open is settled, so that the budgets are read with it.
  CO_ASSIGN_OR_RETURN(const std::vector<Call> open, co_await log_.ListOpen());
  for (Call call : open) {
    call.end = {.outcome = Outcome::kAbandoned};
    call.charge = ChargeOf(call.start, call.end, "", call.started_at);
    CO_RETURN_IF_ERROR(co_await log_.Finish(std::move(call)));
  }
  CO_ASSIGN_OR_RETURN(budgets_, co_await Budgets::Open(*deps_.store));
  co_return static_cast<int64_t>(open.size());
}

Charge Books::ChargeOf(const CallStart& start, const CallEnd& end, const std::string& answered,
                       WallTime started_at) const {
  Charge charge;
  // A provider charges for answers, not for errors and redirections. Where no status came it may
  // have worked, unless it was not reached.
  const bool only_error = end.outcome == Outcome::kFailed && !start.stream;
  const bool nothing =
      end.status == 0 ? end.outcome == Outcome::kUnreachable : end.status >= 300 || only_error;
  if (nothing && !end.usage.known) {
    charge.basis = CostBasis::kNone;
    return charge;
  }
  const Usage used = end.usage.known ? end.usage : GuessUsage(start, end.response_bytes);
  const int64_t prompt = used.input + used.cached + used.cache_write;
  const std::string& model = PaidModel(settings_.prices, start, answered, started_at);
  const Price* price = settings_.prices.Find(start.provider, model, started_at, prompt);
  if (price == nullptr) return charge;
  const bool told = end.usage.known && !end.usage.output_guessed;
  charge.basis = told ? CostBasis::kUsage : CostBasis::kEstimated;
  charge.cost = CostOf(*price, used);
  charge.price = *price;
  return charge;
}

int64_t Books::SizeOf(const std::string& response_id) const {
  const auto it = sizes_.find(response_id);
  return it == sizes_.end() ? Price::kContextDefault : it->second;
}

void Books::Remember(const CallEnd& end) {
  // The agent's calls that go on with it name it in the same bound (ask.cc).
  const bool named = !end.response_id.empty() && end.response_id.size() <= CallLog::kNameBytesMax;
  if (!named || !end.usage.known) return;
  const Usage& u = end.usage;
  const auto [it, fresh] =
      sizes_.insert_or_assign(end.response_id, u.input + u.cached + u.cache_write + u.output);
  if (!fresh) return;
  sizes_order_.push_back(it->first);
  if (sizes_order_.size() <= kSizesMax) return;
  sizes_.erase(sizes_order_.front());
  sizes_order_.pop_front();
}

std::variant<Seat, ProviderError> Books::Enter(const std::string& caller) {
  if (const auto refused = rates_.Enter(caller, Now())) return TooManyCalls(*refused);
  return Seat(*this, caller);
}

ProviderError Books::TooManyCalls(const TooMany& why) const {
  ProviderError error;
  error.status = 429;
  error.retry_after = why.retry_after;
  const std::string again = " Try again in " + std::to_string(why.retry_after.count()) + " s.";
  const RateLimits& limits = rates_.limits();
  switch (why.why) {
    case TooMany::Why::kRate:
      error.code = "cove_rate_limit";
      error.message = "Cove lets one caller make " + std::to_string(limits.per_minute) +
                      " model calls a minute (ai.calls_per_minute)." + again;
      break;
    case TooMany::Why::kAtOnce:
      error.code = "cove_too_many_at_once";
      error.message = "Cove lets one caller make " + std::to_string(limits.at_once) +
                      " model calls at once (ai.calls_at_once)." + again;
      break;
    case TooMany::Why::kTotal:
      error.code = "cove_too_many_at_once";
      error.message = "Cove makes " + std::to_string(limits.at_once_total) +
                      " model calls at once (ai.calls_at_once_total)." + again;
      break;
  }
  return error;
}

ProviderError Books::Refusal(const CallStart& start, const Exhausted& why) {
  ProviderError error;
  const std::string whose = WhoseText(why.budget, why.subject);
  switch (why.why) {
    case Exhausted::Why::kSpent:
      // 403 and not 429: trying again at once cannot help.
      error.status = 403;
      error.code = "cove_budget_exhausted";
      error.message = "Cove did not make this call: " + whose + " is used up ($" +
                      DollarText(why.spent) + " of $" + DollarText(why.budget.limit) +
                      "). Whoever runs Cove can raise it with `cove budget set`.";
      break;
    case Exhausted::Why::kUnpriced:
      error.status = 403;
      error.code = "cove_model_unpriced";
      error.message = "Cove did not make this call: it knows no price for the model " +
                      UnpricedOf(settings_.prices, start, WallNow()) + ", and " + whose +
                      " needs one. Whoever runs Cove can add it as [[ai.prices]], or let the "
                      "budget allow models without a price.";
      break;
    case Exhausted::Why::kBusy:
      error.status = 429;
      error.code = "cove_budget_busy";
      error.retry_after = kBusyRetry;
      error.message = "Cove did not make this call: " + whose +
                      " is nearly used up, and calls under way may need the rest. Try again.";
      break;
    case Exhausted::Why::kGone:
      error.status = 499;  // as proxies note it; nobody is left to read it
      error.code = "cove_agent_gone";
      error.message = "Cove did not make this call: who asked for it went away while it waited.";
      break;
  }
  const bool pauses = why.why == Exhausted::Why::kSpent && deps_.pause &&
                      why.budget.on_exhausted == OnExhausted::kPause && !start.sandbox.empty();
  if (pauses) {
    // Resumed, the agent is to try again, when there may be a budget.
    error.status = 429;
    error.retry_after = kBusyRetry;
    error.message += " The sandbox is paused.";
    log::Warn("budget.pauses", {{"sandbox", start.sandbox.value}, {"budget", why.budget.id}});
    deps_.pause(start.sandbox);
  }
  return error;
}

Task<std::variant<Ticket, ProviderError>> Books::Admit(CallStart start, Seat seat, Gone gone) {
  auto begun = co_await Begin(start, std::move(seat), std::move(gone));
  if (const auto* error = std::get_if<ProviderError>(&begun)) Refused(std::move(start), *error);
  co_return begun;
}

Task<std::variant<Ticket, ProviderError>> Books::Begin(const CallStart& start, Seat seat,
                                                       Gone gone) {
  if (!seat.taken()) {
    auto entered = Enter(CallerOf(start));
    if (auto* refused = std::get_if<ProviderError>(&entered)) co_return std::move(*refused);
    seat = std::move(std::get<Seat>(entered));
  }
  auto open = std::make_unique<Ticket::Open>();
  open->books = this;
  open->seat = std::move(seat);
  metrics_.Entered();
  if (!budgets_->none()) {
    const int64_t continued = start.ask.continues.empty() ? 0 : SizeOf(start.ask.continues);
    const auto most = MostOf(settings_.prices, start, continued, WallNow());
    auto taken =
        co_await budgets_->Take(start, most, Now() + settings_.budget_wait, std::move(gone));
    if (const auto* why = std::get_if<Exhausted>(&taken)) co_return Refusal(start, *why);
    open->hold = std::move(std::get<Budgets::Hold>(taken));
  }
  auto begun = co_await log_.Begin(start);
  if (!begun) {
    log::Error("bridge.no_row", {{"error", begun.error().message()}});
    ProviderError error;
    error.status = 503;
    error.code = kNoRecord;
    error.message =
        "Cove could not write the call into its book, so it was not made. The server's "
        "log says why.";
    co_return error;
  }
  open->id = std::move(begun->id);
  open->start = std::move(begun->start);
  open->started_at = begun->started_at;
  co_return Ticket(std::move(open));
}

void Books::Refused(CallStart start, const ProviderError& error) {
  metrics_.Refused(error.code);
  // What the book did not take it takes no row of either.
  if (error.code == kNoRecord || start.org.empty()) return;
  const auto may = [now = Now()](Rates& rates, const std::string& caller) {
    if (rates.Enter(caller, now)) return false;
    rates.Leave(caller);
    return true;
  };
  if (!may(refused_, CallerOf(start)) || !may(refused_of_all_, "")) return;
  Call call;
  call.start = std::move(start);
  call.end.outcome = Outcome::kRefused;
  call.end.status = error.status;
  call.end.refusal = error.code;
  call.charge.basis = CostBasis::kNone;
  tasks_.Spawn(AddRefused(std::move(call)));
}

Task<void> Books::AddRefused(Call call) {
  auto id = co_await log_.AddRefused(call);
  if (!id) {
    log::Error("bridge.no_row", {{"error", id.error().message()}});
    co_return;
  }
  const WallTime now = WallNow();
  if (!deps_.on_ended) co_return;
  deps_.on_ended({*std::move(id), call.start, now, now, call.end, call.charge, "", ""});
}

Task<Result<void>> Books::Finish(Ticket ticket, CallEnd end, Said said) {
  return Settle(std::move(ticket.open_), std::move(end), std::move(said));
}

Task<Result<void>> Books::Settle(std::unique_ptr<Ticket::Open> open, CallEnd end, Said said) {
  // Its row may take a moment; the caller's next call need not wait for that.
  open->Leave();
  Remember(end);
  Call call;
  call.id = std::move(open->id);
  call.start = std::move(open->start);
  call.started_at = open->started_at;
  if (!end.provider.empty())
    call.start.fallback_from = std::exchange(call.start.provider, end.provider);
  call.end = std::move(end);
  call.charge = ChargeOf(call.start, call.end, said.answer_model, call.started_at);
  metrics_.Ended(call.start, call.end, call.charge);
  // Others wait for what it holds to be free.
  const auto when = open->hold.empty() ? CallLog::When::kSoon : CallLog::When::kNow;
  std::optional<Ended> told;
  if (deps_.on_ended) told = ToldOf(call, said);
  auto spent = co_await log_.Finish(std::move(call), std::move(said), when);
  // A row that could not be ended holds nothing all the same: the next start settles it.
  budgets_->Settle(std::move(open->hold), spent ? *spent : std::vector<Spent>());
  open->hold = {};
  if (told) {
    told->ended_at = WallNow();
    deps_.on_ended(*told);
  }
  if (!spent) co_return std::move(spent).error();
  co_return Ok();
}

Task<void> Books::Abandon(std::unique_ptr<Ticket::Open> open) {
  CallEnd end;
  end.outcome = Outcome::kAbandoned;
  auto settled = co_await Settle(std::move(open), std::move(end), {});
  if (!settled) log::Error("bridge.row_not_ended", {{"error", settled.error().message()}});
}

Task<Result<int64_t>> Books::Prune(WallTime now) {
  int64_t total = 0;
  if (settings_.retention_days <= 0) co_return total;
  const WallTime before{now.micros - settings_.retention_days * kDayMicros};
  for (;;) {
    CO_ASSIGN_OR_RETURN(const int64_t n, co_await log_.Prune(before, kPruneStep));
    total += n;
    if (n < kPruneStep) co_return total;
    co_await async::Sleep(kPruneRest);  // calls that begin go before
  }
}

Task<void> Books::KeepTidy() {
  for (;;) {
    const auto pruned = co_await Prune(WallNow());
    if (!pruned) log::Warn("bridge.not_pruned", {{"error", pruned.error().message()}});
    if (pruned && *pruned > 0) log::Info("bridge.pruned", {{"rows", *pruned}});
    budgets_->DropOld();
    co_await async::Sleep(kPruneEvery);
  }
}

}  // namespace cove::bridge
