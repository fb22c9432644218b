// The reading half of CallLog: pages, sums, and what is old enough to go.
#include <algorithm>
#include <array>

#include "bridge/budget_rows.h"
#include "bridge/call_id.h"
#include "bridge/call_rows.h"

namespace cove::bridge {
namespace {

struct GroupEntry {
  Group group;
  std::string_view name;
  std::string_view column;
};

constexpr std::array<GroupEntry, 7> kGroups = {{
    {Group::kModel, "model", "model"},
    {Group::kProvider, "provider", "provider"},
    {Group::kSandbox, "sandbox", "sandbox_id"},
    {Group::kUser, "user", "user_id"},
    {Group::kTemplate, "template", "template"},
    {Group::kKey, "key", "key_id"},
    // Days since 1970, which both databases reckon alike.
    {Group::kDay, "day", "started_at / 86400000000"},
}};

std::string_view ColumnOf(Group group) {
  for (const GroupEntry& entry : kGroups) {
    if (entry.group == group) return entry.column;
  }
  return "''";
}

std::string NameOf(Group group, const store::Value& value) {
  if (group != Group::kDay) return value.Text();
  constexpr int64_t kDayMicros = 86'400'000'000;
  return FormatIso(WallTime{value.Int() * kDayMicros}).substr(0, sizeof("2026-11-21") - 1);
}

// The condition that selects what the filter means, with its parameters. There are two texts of it
// in all, because the database keeps every statement that it has seen.
struct Where {
  std::string sql;
  store::Params params;
};

Where Select(const CallFilter& filter) {
  Where out;
  // Rows lie by their numbers, which are their times.
  int64_t end = filter.until ? CallNumber(*filter.until) : INT64_MAX;
  if (!filter.before_id.empty()) end = std::min(end, CallNumber(filter.before_id));
  out.params = {filter.org,
                CallNumber(filter.since.value_or(WallTime{})),
                end,
                filter.user,
                filter.template_name,
                filter.model,
                filter.provider,
                filter.outcome};
  out.sql =
      " WHERE org_id = $1 AND n >= $2 AND n < $3 "
      "AND ($4 = '' OR user_id = $4) AND ($5 = '' OR template = $5) "
      "AND ($6 = '' OR model = $6) AND ($7 = '' OR provider = $7) "
      "AND ($8 = '' OR COALESCE(outcome, 'running') = $8)";
  if (!filter.sandbox.empty()) {
    out.params.push_back(filter.sandbox);
    out.sql += " AND sandbox_id = $9";
  }
  return out;
}

Totals TotalsFromRow(const store::Row& row, const std::vector<Group>& groups) {
  Totals out;
  size_t at = 0;
  for (const Group group : groups) out.names.push_back(NameOf(group, row[at++]));
  for (int64_t* sum : {&out.calls, &out.failed, &out.usage_unknown, &out.unpriced, &out.estimated,
                       &out.input, &out.cached, &out.cache_write, &out.output, &out.reasoning,
                       &out.cost, &out.cache_write_1h, &out.web_searches, &out.refused}) {
    *sum = row[at++].Int();
  }
  return out;
}

constexpr std::string_view kSums =
    "SUM(CASE WHEN outcome = 'refused' THEN 0 ELSE 1 END), "
    "SUM(CASE WHEN outcome NOT IN ('completed', 'refused') THEN 1 ELSE 0 END), "
    "SUM(CASE WHEN outcome = 'completed' AND usage_known = 0 THEN 1 ELSE 0 END), "
    "SUM(CASE WHEN ended_at IS NOT NULL AND cost IS NULL THEN 1 ELSE 0 END), "
    "SUM(CASE WHEN cost_basis = 'estimated' THEN 1 ELSE 0 END), "
    "SUM(input_tokens), SUM(cached_tokens), SUM(cache_write_tokens), SUM(output_tokens), "
    "SUM(reasoning_tokens), SUM(cost), SUM(cache_write_1h_tokens), SUM(web_searches), "
    "SUM(CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END)";

}  // namespace

std::optional<Group> ParseGroup(std::string_view name) {
  for (const GroupEntry& entry : kGroups) {
    if (entry.name == name) return entry.group;
  }
  return std::nullopt;
}

std::string_view GroupName(Group group) {
  for (const GroupEntry& entry : kGroups) {
    if (entry.group == group) return entry.name;
  }
  return "unknown";
}

Task<Result<std::vector<Call>>> CallLog::List(CallFilter filter) {
  co_await Flush();
  co_return co_await store_.Read([filter](store::Db& db) -> Result<std::vector<Call>> {
    Where where = Select(filter);
    where.params.push_back(std::clamp(filter.limit, 1, kPageMax));
    ASSIGN_OR_RETURN(auto rows,
                     db.Query("SELECT " + CallColumns() + " FROM ai_call" + where.sql +
                                  " ORDER BY n DESC LIMIT $" + std::to_string(where.params.size()),
                              where.params));
    std::vector<Call> out;
    for (const store::Row& row : rows) out.push_back(CallFromRow(row));
    return out;
  });
}

Task<Result<std::vector<Totals>>> CallLog::Sum(CallFilter filter, std::vector<Group> groups) {
  co_await Flush();
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  co_return co_await store_.Read([filter, groups](store::Db& db) -> Result<std::vector<Totals>> {
    const Where where = Select(filter);
    std::string columns;
    std::string places;
    for (size_t i = 0; i < groups.size(); ++i) {
      columns += std::string(ColumnOf(groups[i])) + ", ";
      places += (i == 0 ? "" : ", ") + std::to_string(i + 1);
    }
    std::string sql = "SELECT " + columns + std::string(kSums) + " FROM ai_call" + where.sql;
    if (!groups.empty()) sql += " GROUP BY " + places + " ORDER BY " + places;
    sql += " LIMIT " + std::to_string(kGroupsMax);
    ASSIGN_OR_RETURN(const auto rows, db.Query(sql, where.params));
    std::vector<Totals> out;
    for (const store::Row& row : rows) out.push_back(TotalsFromRow(row, groups));
    return out;
  });
}

Task<Result<int64_t>> CallLog::Prune(WallTime before, int64_t limit) {
  co_await Flush();
  auto prune = [before, limit](store::Db& db) -> Result<int64_t> {
    RETURN_IF_ERROR(db.Run("DELETE FROM ai_spent WHERE period_start > 0 AND period_start < $1",
                           {MonthStart(before)}));
    static const std::string kOld =
        " IN (SELECT n FROM ai_call WHERE n < $1 AND ended_at IS NOT NULL ORDER BY n LIMIT $2)";
    const store::Params old = {CallNumber(before), limit};
    for (const char* table : {"ai_said", "ai_tool", "ai_thought"}) {
      RETURN_IF_ERROR(db.Run("DELETE FROM " + std::string(table) + " WHERE call" + kOld, old));
    }
    return db.Run("DELETE FROM ai_call WHERE n" + kOld, old);
  };
  co_return co_await store_.Write(std::move(prune), store::Durability::kProcess);
}

}  // namespace cove::bridge
