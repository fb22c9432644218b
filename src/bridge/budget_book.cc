// The half of Budgets that reads and writes the store.
#include <array>

#include "base/text.h"
#include "bridge/budget_rows.h"
#include "bridge/budgets.h"

namespace cove::bridge {
namespace {

template <class T, size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<Scope, 6> kScopes = {{{Scope::kOrganization, "organization"},
                                      {Scope::kUser, "user"},
                                      {Scope::kKey, "key"},
                                      {Scope::kToken, "token"},
                                      {Scope::kTemplate, "template"},
                                      {Scope::kSandbox, "sandbox"}}};
constexpr Names<Period, 3> kPeriods = {
    {{Period::kDay, "day"}, {Period::kMonth, "month"}, {Period::kTotal, "total"}}};
constexpr Names<OnExhausted, 3> kActions = {{{OnExhausted::kRefuse, "refuse"},
                                             {OnExhausted::kPause, "pause"},
                                             {OnExhausted::kWarn, "warn"}}};
constexpr Names<Unpriced, 2> kUnpriced = {
    {{Unpriced::kRefuse, "refuse"}, {Unpriced::kAllow, "allow"}}};

template <class Table, class T>
std::string_view NameIn(const Table& table, T wanted) {
  for (const auto& [value, name] : table) {
    if (value == wanted) return name;
  }
  return "unknown";
}

template <class T, size_t N>
std::optional<T> FindIn(const Names<T, N>& table, std::string_view wanted) {
  for (const auto& [value, name] : table) {
    if (name == wanted) return value;
  }
  return std::nullopt;
}

constexpr size_t kSubjectBytesMax = 256;
constexpr Micros kLimitMax = 1'000'000'000 * Micros{1'000'000};

Result<void> Check(const Budget& budget) {
  if (budget.limit < 0 || budget.limit > kLimitMax) {
    return Error(Code::kInvalid, "a budget's limit is from 0 to a thousand million dollars");
  }
  const bool whole = budget.scope == Scope::kOrganization;
  if (whole && !budget.subject.empty()) {
    return Error(Code::kInvalid, "a budget of the organization has no subject");
  }
  if (!whole && (budget.subject.empty() || budget.subject.size() > kSubjectBytesMax)) {
    return Error(Code::kInvalid,
                 "a budget of scope " + std::string(ScopeName(budget.scope)) +
                     " needs the subject it is for, or \"*\" for each one by itself");
  }
  return Ok();
}

// Only what the table allows comes out of it; a row of another program's is the strictest there is.
Budget BudgetFromRow(const store::Row& row) {
  Budget out;
  out.id = row[0].Text();
  out.org = OrgId(row[1].Text());
  out.scope = ParseScope(row[2].Text()).value_or(Scope::kOrganization);
  out.subject = row[3].Text();
  out.period = ParsePeriod(row[4].Text()).value_or(Period::kTotal);
  out.limit = row[5].Int();
  out.on_exhausted = ParseOnExhausted(row[6].Text()).value_or(OnExhausted::kRefuse);
  out.unpriced = ParseUnpriced(row[7].Text()).value_or(Unpriced::kRefuse);
  out.created_at = row[8].Time();
  return out;
}

std::string_view SubjectColumn(Scope scope) {
  switch (scope) {
    case Scope::kOrganization:
      return "''";
    case Scope::kUser:
      return "user_id";
    case Scope::kKey:
      return "key_id";
    case Scope::kToken:
      return "token_id";
    case Scope::kTemplate:
      return "template";
    case Scope::kSandbox:
      return "sandbox_id";
  }
  return "''";
}

WallTime StartOf(Period period, WallTime now) {
  if (period == Period::kTotal) return WallTime{};
  return period == Period::kDay ? DayStart(now) : MonthStart(now);
}

// What the rows say was spent in the budget's period before it was made.
Result<void> CountEarlier(store::Db& db, const Budget& budget, WallTime now) {
  const std::string column(SubjectColumn(budget.scope));
  const bool whole = budget.scope == Scope::kOrganization;
  const std::string which = whole ? "$4 = ''" : column + " <> '' AND $4 IN (" + column + ", '*')";
  const WallTime start = StartOf(budget.period, now);
  RETURN_IF_ERROR(db.Run(
      "INSERT INTO ai_spent (budget_id, subject, period_start, spent, calls) SELECT $1, " + column +
          ", $2, SUM(COALESCE(cost, 0)), COUNT(*) FROM ai_call WHERE org_id = $3 "
          "AND started_at >= $2 AND ended_at IS NOT NULL AND outcome <> 'refused' AND " +
          which + " GROUP BY " + (whole ? "org_id" : column),
      {budget.id, start, budget.org, budget.subject}));
  return Ok();
}

Result<std::vector<Spent>> ReadSpent(store::Db& db, WallTime now) {
  ASSIGN_OR_RETURN(const store::Rows rows,
                   db.Query("SELECT budget_id, subject, period_start, spent, calls FROM ai_spent "
                            "WHERE period_start IN (0, $1, $2)",
                            {DayStart(now), MonthStart(now)}));
  std::vector<Spent> out;
  for (const store::Row& row : rows) {
    out.push_back({row[0].Text(), row[1].Text(), row[2].Time(), row[3].Int(), row[4].Int()});
  }
  return out;
}

}  // namespace

std::string_view ScopeName(Scope scope) { return NameIn(kScopes, scope); }
std::string_view PeriodName(Period period) { return NameIn(kPeriods, period); }
std::string_view OnExhaustedName(OnExhausted action) { return NameIn(kActions, action); }
std::string_view UnpricedName(Unpriced unpriced) { return NameIn(kUnpriced, unpriced); }
std::optional<Scope> ParseScope(std::string_view name) { return FindIn(kScopes, name); }
std::optional<Period> ParsePeriod(std::string_view name) { return FindIn(kPeriods, name); }
std::optional<OnExhausted> ParseOnExhausted(std::string_view name) {
  return FindIn(kActions, name);
}
std::optional<Unpriced> ParseUnpriced(std::string_view name) { return FindIn(kUnpriced, name); }

Task<Result<std::unique_ptr<Budgets>>> Budgets::Open(store::Store& store) {
  std::unique_ptr<Budgets> budgets(new Budgets(store));
  CO_RETURN_IF_ERROR(co_await budgets->Load());
  co_return budgets;
}

Task<Result<void>> Budgets::Load() {
  CO_ASSIGN_OR_RETURN(const store::Rows rows, co_await store_.Read([](store::Db& db) {
    return db.Query(
        "SELECT id, org_id, scope, subject, period, limit_micros, on_exhausted, unpriced, "
        "created_at FROM ai_budget");
  }));
  for (const store::Row& row : rows) {
    Keep(BudgetFromRow(row));
  }
  CO_ASSIGN_OR_RETURN(
      const std::vector<Spent> spent,
      co_await store_.Read([now = WallNow()](store::Db& db) { return ReadSpent(db, now); }));
  for (const Spent& sum : spent) Follow(sum);
  co_return Ok();
}

Task<Result<Budget>> Budgets::Create(Budget budget) {
  CO_RETURN_IF_ERROR(Check(budget));
  budget.id = NewUuid();
  budget.created_at = WallNow();
  // In one write with the sums: a call that ends before or after it is counted once.
  auto written = co_await store_.Write([budget](store::Db& db) -> Result<std::vector<Spent>> {
    RETURN_IF_ERROR(
        db.Run("INSERT INTO ai_budget (id, org_id, scope, subject, period, limit_micros, "
               "on_exhausted, unpriced, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
               {budget.id, budget.org, ScopeName(budget.scope), budget.subject,
                PeriodName(budget.period), budget.limit, OnExhaustedName(budget.on_exhausted),
                UnpricedName(budget.unpriced), budget.created_at}));
    RETURN_IF_ERROR(CountEarlier(db, budget, budget.created_at));
    return ReadSpent(db, budget.created_at);
  });
  if (!written && written.error().code() == Code::kConflict) {
    co_return Error(Code::kConflict,
                    "there is a budget of this scope, subject and period: change "
                    "or delete that one");
  }
  CO_RETURN_IF_ERROR(written);
  Keep(budget);
  for (const Spent& sum : *written) Follow(sum);
  co_return budget;
}

Task<Result<Budget>> Budgets::Change(Budget budget) {
  CO_RETURN_IF_ERROR(Check(budget));
  const auto changed = co_await store_.Write([budget](store::Db& db) {
    return db.Run(
        "UPDATE ai_budget SET limit_micros = $3, on_exhausted = $4, unpriced = $5 "
        "WHERE id = $1 AND org_id = $2",
        {budget.id, budget.org, budget.limit, OnExhaustedName(budget.on_exhausted),
         UnpricedName(budget.unpriced)});
  });
  CO_RETURN_IF_ERROR(changed);
  const auto it = budgets_.find(budget.id);
  if (*changed == 0 || it == budgets_.end()) {
    co_return Error(Code::kNotFound, "there is no budget " + budget.id);
  }
  it->second.limit = budget.limit;
  it->second.on_exhausted = budget.on_exhausted;
  it->second.unpriced = budget.unpriced;
  freed_.NotifyAll();
  co_return it->second;
}

Task<Result<void>> Budgets::Delete(OrgId org, std::string id) {
  CO_ASSIGN_OR_RETURN(const int64_t gone, co_await store_.Write([org, id](store::Db& db) {
    return db.Run("DELETE FROM ai_budget WHERE id = $1 AND org_id = $2", {id, org});
  }));
  if (gone == 0) co_return Error(Code::kNotFound, "there is no budget " + id);
  Drop(id);
  freed_.NotifyAll();
  co_return Ok();
}

}  // namespace cove::bridge
