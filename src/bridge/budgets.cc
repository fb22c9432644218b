#include "bridge/budgets.h"

#include <algorithm>

#include "base/text.h"
#include "bridge/budget_rows.h"
#include "log/log.h"

namespace cove::bridge {
namespace {

WallTime PeriodStart(Period period, WallTime now) {
  switch (period) {
    case Period::kDay:
      return DayStart(now);
    case Period::kMonth:
      return MonthStart(now);
    case Period::kTotal:
      return WallTime{};
  }
  return WallTime{};
}

// What `call` is for a budget of this scope; empty: nothing.
const std::string& SubjectOf(Scope scope, const CallStart& call) {
  static const std::string kNone;
  switch (scope) {
    case Scope::kOrganization:
      return kNone;
    case Scope::kUser:
      return call.user;
    case Scope::kKey:
      return call.key_id;
    case Scope::kToken:
      return call.token_id;
    case Scope::kTemplate:
      return call.template_name;
    case Scope::kSandbox:
      return call.sandbox.value;
  }
  return kNone;
}

}  // namespace

std::vector<Budget> Budgets::List(const OrgId& org) const {
  std::vector<Budget> out;
  for (const auto& [id, budget] : budgets_) {
    if (budget.org == org) out.push_back(budget);
  }
  std::sort(out.begin(), out.end(), [](const Budget& a, const Budget& b) {
    return std::tie(a.scope, a.subject, a.period) < std::tie(b.scope, b.subject, b.period);
  });
  return out;
}

std::optional<Budget> Budgets::Find(const OrgId& org, std::string_view id) const {
  const auto it = budgets_.find(std::string(id));
  if (it == budgets_.end() || it->second.org != org) return std::nullopt;
  return it->second;
}

std::vector<BudgetUse> Budgets::UseOf(const Budget& budget) const {
  const WallTime start = PeriodStart(budget.period, WallNow());
  std::vector<BudgetUse> out;
  for (auto it = uses_.lower_bound({budget.id, ""}); it != uses_.end(); ++it) {
    if (it->first.first != budget.id) break;
    const Use& use = it->second;
    // One that began before has nothing of this period but what it holds.
    const bool current = use.period_start == start;
    out.push_back({it->first.second, start, current ? use.spent : 0, use.held,
                   current ? use.calls : 0, use.in_flight});
  }
  if (out.empty() && budget.subject != "*") out.push_back({budget.subject, start});
  return out;
}

std::vector<std::pair<const Budget*, std::string>> Budgets::Under(const CallStart& call) const {
  std::vector<std::pair<const Budget*, std::string>> out;
  for (const Scope scope : {Scope::kOrganization, Scope::kUser, Scope::kKey, Scope::kToken,
                            Scope::kTemplate, Scope::kSandbox}) {
    const std::string& subject = SubjectOf(scope, call);
    const bool whole = scope == Scope::kOrganization;
    if (!whole && subject.empty()) continue;
    const auto add = [&](const std::string& wanted) {
      const auto [begin, end] = by_whose_.equal_range({call.org.value, scope, wanted});
      for (auto it = begin; it != end; ++it) out.emplace_back(it->second, subject);
    };
    add(subject);
    if (!whole && subject != "*") add("*");
  }
  return out;
}

Budgets::Whose Budgets::WhoseOf(const Budget& budget) {
  return {budget.org.value, budget.scope, budget.subject};
}

void Budgets::Keep(Budget budget) {
  const auto [it, fresh] = budgets_.emplace(budget.id, std::move(budget));
  if (fresh) by_whose_.emplace(WhoseOf(it->second), &it->second);
}

void Budgets::Drop(const std::string& id) {
  const auto budget = budgets_.find(id);
  if (budget == budgets_.end()) return;
  const auto [begin, end] = by_whose_.equal_range(WhoseOf(budget->second));
  for (auto it = begin; it != end; ++it) {
    if (it->second != &budget->second) continue;
    by_whose_.erase(it);
    break;
  }
  budgets_.erase(budget);
  uses_.erase(uses_.lower_bound({id, ""}), uses_.lower_bound({id + '\x01', ""}));
}

Budgets::Use& Budgets::UseNow(const Budget& budget, const std::string& subject) {
  Use& use = uses_[{budget.id, subject}];
  const WallTime start = PeriodStart(budget.period, WallNow());
  if (use.period_start < start) {
    use.period_start = start;
    use.spent = 0;
    use.calls = 0;
    use.warned = false;
  }
  return use;
}

Budgets::Verdict Budgets::Judge(const CallStart& call, std::optional<Micros> most, Exhausted* why) {
  Verdict verdict = Verdict::kGo;
  for (const auto& [budget, subject] : Under(call)) {
    Use& use = UseNow(*budget, subject);
    const bool spent = use.spent >= budget->limit;
    if (budget->on_exhausted == OnExhausted::kWarn) {
      if (spent && !std::exchange(use.warned, true)) {
        log::Warn("budget.exceeded", {{"budget", budget->id},
                                      {"scope", ScopeName(budget->scope)},
                                      {"subject", subject},
                                      {"limit_usd", DollarText(budget->limit)}});
      }
      continue;
    }
    if (!spent && !most && budget->unpriced == Unpriced::kRefuse) {
      *why = {Exhausted::Why::kUnpriced, *budget, subject, use.spent};
      return Verdict::kNever;
    }
    if (spent) {
      *why = {Exhausted::Why::kSpent, *budget, subject, use.spent};
      return Verdict::kNever;
    }
    // The subtraction cannot overflow, the sum of what many hold could.
    const bool fits = most.value_or(0) <= budget->limit - use.spent - use.held;
    if (fits || use.in_flight == 0) continue;
    *why = {Exhausted::Why::kBusy, *budget, subject, use.spent};
    verdict = Verdict::kWait;
  }
  return verdict;
}

Budgets::Hold Budgets::Start(const CallStart& call, Micros most) {
  Hold hold;
  hold.most_ = most;
  for (const auto& [budget, subject] : Under(call)) {
    Use& use = UseNow(*budget, subject);
    use.held += most;
    ++use.in_flight;
    hold.parts_.push_back({budget->id, subject});
  }
  return hold;
}

Task<std::variant<Budgets::Hold, Exhausted>> Budgets::Take(CallStart call,
                                                           std::optional<Micros> most,
                                                           TimePoint deadline, Gone gone) {
  struct Waiting {
    size_t& n;
    explicit Waiting(size_t& count) : n(count) { ++n; }
    ~Waiting() { --n; }
  } const waiting(waiting_);
  AgentWatch watch(std::move(gone), &freed_);
  for (;;) {
    Exhausted why;
    const Verdict verdict = Judge(call, most, &why);
    if (watch.gone()) {
      why.why = Exhausted::Why::kGone;
      co_return why;
    }
    if (verdict == Verdict::kGo) co_return Start(call, most.value_or(0));
    if (verdict == Verdict::kNever || Now() >= deadline) co_return why;
    watch.Start();
    co_await freed_.Wait(deadline);
  }
}

void Budgets::Settle(Hold hold, const std::vector<Spent>& spent) {
  for (const Spent& sum : spent) Follow(sum);
  for (const Hold::Part& part : hold.parts_) {
    const auto it = uses_.find({part.budget, part.subject});
    if (it == uses_.end()) continue;  // the budget is gone
    it->second.held -= hold.most_;
    --it->second.in_flight;
  }
  freed_.NotifyAll();
}

void Budgets::DropOld() {
  std::erase_if(uses_, [this](const auto& entry) {
    const auto budget = budgets_.find(entry.first.first);
    return entry.second.in_flight == 0 &&
           (budget == budgets_.end() ||
            entry.second.period_start < PeriodStart(budget->second.period, WallNow()));
  });
}

// Sums arrive in the order of their commits; one of an older period is history.
void Budgets::Follow(const Spent& sum) {
  const auto budget = budgets_.find(sum.budget);
  if (budget == budgets_.end()) return;
  Use& use = UseNow(budget->second, sum.subject);
  if (use.period_start != sum.period_start) return;
  use.spent = std::max(use.spent, sum.spent);
  use.calls = std::max(use.calls, sum.calls);
}

}  // namespace cove::bridge
