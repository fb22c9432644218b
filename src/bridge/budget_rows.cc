#include "bridge/budget_rows.h"

#include <chrono>

namespace cove::bridge {
namespace {

using std::chrono::floor;
using std::chrono::sys_days;
using std::chrono::sys_time;
using std::chrono::year_month_day;

sys_days DayOf(WallTime time) {
  return floor<std::chrono::days>(sys_time<microseconds>(microseconds(time.micros)));
}
WallTime TimeOf(sys_days day) {
  return WallTime{std::chrono::duration_cast<microseconds>(day.time_since_epoch()).count()};
}

// Each branch names the organisation, so that each is found by the index: there may be thousands of
// budgets (every token can have one), and this is in the write of every call.
Result<std::vector<Spent>> Add(store::Db& db, const CallStart& start, WallTime started_at,
                               Micros cost, int64_t calls) {
  ASSIGN_OR_RETURN(
      const store::Rows rows,
      db.Query("INSERT INTO ai_spent (budget_id, subject, period_start, spent, calls) "
               "SELECT b.id, "
               "CASE b.scope WHEN 'user' THEN $2 WHEN 'key' THEN $3 WHEN 'token' THEN $4 "
               "WHEN 'template' THEN $5 WHEN 'sandbox' THEN $6 ELSE '' END, "
               "CASE b.period WHEN 'day' THEN $7 WHEN 'month' THEN $8 ELSE 0 END, $9, $10 "
               "FROM ai_budget b WHERE (b.org_id = $1 AND b.scope = 'organization') "
               "OR (b.org_id = $1 AND b.scope = 'user' AND $2 <> '' AND b.subject IN ($2, '*')) "
               "OR (b.org_id = $1 AND b.scope = 'key' AND $3 <> '' AND b.subject IN ($3, '*')) "
               "OR (b.org_id = $1 AND b.scope = 'token' AND $4 <> '' AND b.subject IN ($4, '*')) "
               "OR (b.org_id = $1 AND b.scope = 'template' AND $5 <> '' "
               "AND b.subject IN ($5, '*')) "
               "OR (b.org_id = $1 AND b.scope = 'sandbox' AND $6 <> '' "
               "AND b.subject IN ($6, '*')) "
               "ON CONFLICT (budget_id, subject, period_start) DO UPDATE SET "
               "spent = ai_spent.spent + excluded.spent, calls = ai_spent.calls + excluded.calls "
               "RETURNING budget_id, subject, period_start, spent, calls",
               {start.org, start.user, start.key_id, start.token_id, start.template_name,
                start.sandbox, DayStart(started_at), MonthStart(started_at), cost, calls}));
  std::vector<Spent> out;
  for (const store::Row& row : rows) {
    out.push_back({row[0].Text(), row[1].Text(), row[2].Time(), row[3].Int(), row[4].Int()});
  }
  return out;
}

}  // namespace

WallTime DayStart(WallTime time) { return TimeOf(DayOf(time)); }

WallTime MonthStart(WallTime time) {
  const year_month_day day(DayOf(time));
  return TimeOf(sys_days(day.year() / day.month() / 1));
}

Result<std::vector<Spent>> AddSpending(store::Db& db, const CallStart& start, WallTime started_at,
                                       Micros cost) {
  return Add(db, start, started_at, cost, 1);
}

Result<std::vector<Spent>> ReadSpending(store::Db& db, const CallStart& start,
                                        WallTime started_at) {
  return Add(db, start, started_at, 0, 0);
}

}  // namespace cove::bridge
