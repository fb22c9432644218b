#include "bridge/call_log.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "bridge/call_id.h"

namespace cove::bridge {

const store::Migrations kMigrations = {{"bridge", 1, R"(
  CREATE TABLE ai_call (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    sandbox_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    api TEXT NOT NULL,
    model TEXT NOT NULL,
    stream INTEGER NOT NULL,
    client TEXT NOT NULL,
    session TEXT NOT NULL,
    thread TEXT NOT NULL,
    turn TEXT NOT NULL,
    request_bytes INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT,
    status INTEGER,
    first_byte_us INTEGER,
    duration_us INTEGER,
    response_bytes INTEGER,
    usage_known INTEGER,
    input_tokens INTEGER,
    cached_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    response_id TEXT
  ) STRICT;
  CREATE INDEX ai_call_by_sandbox ON ai_call (org_id, sandbox_id, started_at);
  CREATE INDEX ai_call_by_time ON ai_call (org_id, started_at);
  CREATE INDEX ai_call_open ON ai_call (id) WHERE ended_at IS NULL;
)"}};

namespace {

constexpr std::array<std::pair<Outcome, std::string_view>, 6> kOutcomes = {{
    {Outcome::kCompleted, "completed"},
    {Outcome::kRejected, "rejected"},
    {Outcome::kUnreachable, "unreachable"},
    {Outcome::kBroken, "broken"},
    {Outcome::kClientGone, "client_gone"},
    {Outcome::kAbandoned, "abandoned"},
}};

Outcome ParseOutcome(std::string_view name) {
  for (const auto& [outcome, text] : kOutcomes) {
    if (text == name) return outcome;
  }
  return Outcome::kAbandoned;
}

// Valid UTF-8 is what a text column holds; a name that is not plain ASCII is not one of ours.
std::string CutName(std::string text) {
  if (text.size() > CallLog::kNameBytesMax) text.resize(CallLog::kNameBytesMax);
  std::replace_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

constexpr std::string_view kColumns =
    "id, org_id, sandbox_id, key_id, provider, api, model, stream, client, session, thread, turn, "
    "request_bytes, started_at, ended_at, outcome, status, first_byte_us, duration_us, "
    "response_bytes, usage_known, input_tokens, cached_tokens, cache_write_tokens, output_tokens, "
    "reasoning_tokens, response_id";

Call FromRow(const store::Row& row) {
  Call call;
  size_t at = 0;
  auto next = [&]() -> const store::Value& { return row[at++]; };
  call.id = next().Text();
  call.start.org = OrgId(next().Text());
  call.start.sandbox = SandboxId(next().Text());
  call.start.key_id = next().Text();
  call.start.provider = next().Text();
  call.start.api = next().Text();
  call.start.model = next().Text();
  call.start.stream = next().Int() != 0;
  call.start.client = next().Text();
  call.start.session = next().Text();
  call.start.thread = next().Text();
  call.start.turn = next().Text();
  call.start.request_bytes = static_cast<uint64_t>(next().Int());
  call.started_at = next().Time();
  const store::Value& ended = next();
  if (!ended.is_null()) call.ended_at = ended.Time();
  call.end.outcome = ParseOutcome(next().Text());
  call.end.status = static_cast<int>(next().Int());
  const store::Value& first = next();
  if (!first.is_null()) call.end.first_byte = microseconds(first.Int());
  call.end.duration = microseconds(next().Int());
  call.end.response_bytes = static_cast<uint64_t>(next().Int());
  call.end.usage.known = next().Int() != 0;
  call.end.usage.input = next().Int();
  call.end.usage.cached = next().Int();
  call.end.usage.cache_write = next().Int();
  call.end.usage.output = next().Int();
  call.end.usage.reasoning = next().Int();
  call.end.response_id = next().Text();
  return call;
}

// The condition that selects what the filter means, with its parameters.
struct Where {
  std::string sql;
  store::Params params;
};

Where Select(const CallFilter& filter) {
  Where out;
  out.params.push_back(filter.org);
  out.sql = " WHERE org_id = $1";
  auto add = [&out](std::string_view condition, store::Value value) {
    out.params.push_back(std::move(value));
    out.sql += " AND " + std::string(condition) + " $" + std::to_string(out.params.size());
  };
  if (!filter.sandbox.empty()) add("sandbox_id =", filter.sandbox);
  if (filter.since) add("started_at >=", *filter.since);
  if (filter.until) add("started_at <", *filter.until);
  return out;
}

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  for (const auto& [value, text] : kOutcomes) {
    if (value == outcome) return text;
  }
  return "unknown";
}

Task<Result<std::string>> CallLog::Begin(CallStart start) {
  std::string id = NewCallId();
  store::Params params = {id,
                          start.org,
                          start.sandbox,
                          start.key_id,
                          start.provider,
                          start.api,
                          CutName(std::move(start.model)),
                          start.stream,
                          CutName(std::move(start.client)),
                          CutName(std::move(start.session)),
                          CutName(std::move(start.thread)),
                          CutName(std::move(start.turn)),
                          start.request_bytes,
                          WallNow()};
  co_return co_await store_.Write([id, params](store::Db& db) -> Result<std::string> {
    RETURN_IF_ERROR(
        db.Run("INSERT INTO ai_call (id, org_id, sandbox_id, key_id, provider, api, model, stream, "
               "client, "
               "session, thread, turn, request_bytes, started_at) "
               "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
               params));
    return id;
  });
}

Task<Result<void>> CallLog::Finish(std::string id, CallEnd end) {
  store::Params params = {id,
                          WallNow(),
                          OutcomeName(end.outcome),
                          end.status,
                          end.first_byte ? store::Value(end.first_byte->count()) : store::Value(),
                          end.duration.count(),
                          end.response_bytes,
                          end.usage.known,
                          end.usage.input,
                          end.usage.cached,
                          end.usage.cache_write,
                          end.usage.output,
                          end.usage.reasoning,
                          CutName(std::move(end.response_id))};
  // The start is safe from a power cut already; an end that is lost shows as an abandoned call.
  co_return co_await store_.Write(
      [params](store::Db& db) -> Result<void> {
        RETURN_IF_ERROR(db.Run(
            "UPDATE ai_call SET ended_at = $2, outcome = $3, status = $4, first_byte_us = $5, "
            "duration_us = $6, response_bytes = $7, usage_known = $8, input_tokens = $9, "
            "cached_tokens = $10, cache_write_tokens = $11, output_tokens = $12, "
            "reasoning_tokens = $13, response_id = $14 WHERE id = $1 AND ended_at IS NULL",
            params));
        return Ok();
      },
      store::Durability::kProcess);
}

Task<Result<int64_t>> CallLog::EndAbandoned() {
  co_return co_await store_.Write([now = WallNow()](store::Db& db) -> Result<int64_t> {
    return db.Run("UPDATE ai_call SET ended_at = $1, outcome = $2 WHERE ended_at IS NULL",
                  {now, OutcomeName(Outcome::kAbandoned)});
  });
}

Task<Result<std::vector<Call>>> CallLog::List(CallFilter filter) {
  co_return co_await store_.Read([filter](store::Db& db) -> Result<std::vector<Call>> {
    Where where = Select(filter);
    if (!filter.before_id.empty()) {
      where.params.push_back(filter.before_id);
      const std::string n = "$" + std::to_string(where.params.size());
      where.sql += " AND (started_at, id) < (SELECT started_at, id FROM ai_call WHERE id = " + n +
                   " AND org_id = $1)";
    }
    where.params.push_back(std::clamp(filter.limit, 1, kPageMax));
    ASSIGN_OR_RETURN(auto rows,
                     db.Query("SELECT " + std::string(kColumns) + " FROM ai_call" + where.sql +
                                  " ORDER BY started_at DESC, id DESC LIMIT $" +
                                  std::to_string(where.params.size()),
                              where.params));
    std::vector<Call> out;
    for (const store::Row& row : rows) out.push_back(FromRow(row));
    return out;
  });
}

Task<Result<std::vector<Totals>>> CallLog::Sum(CallFilter filter) {
  co_return co_await store_.Read([filter](store::Db& db) -> Result<std::vector<Totals>> {
    Where where = Select(filter);
    ASSIGN_OR_RETURN(
        auto rows,
        db.Query("SELECT model, COUNT(*), "
                 "SUM(CASE WHEN outcome <> 'completed' THEN 1 ELSE 0 END), "
                 "SUM(CASE WHEN outcome = 'completed' AND usage_known = 0 THEN 1 ELSE 0 END), "
                 "SUM(input_tokens), SUM(cached_tokens), SUM(cache_write_tokens), "
                 "SUM(output_tokens), SUM(reasoning_tokens) FROM ai_call" +
                     where.sql + " GROUP BY model ORDER BY model",
                 where.params));
    std::vector<Totals> out;
    for (const store::Row& row : rows) {
      Totals t;
      t.model = row[0].Text();
      t.calls = row[1].Int();
      t.failed = row[2].Int();
      t.usage_unknown = row[3].Int();
      t.input = row[4].Int();
      t.cached = row[5].Int();
      t.cache_write = row[6].Int();
      t.output = row[7].Int();
      t.reasoning = row[8].Int();
      out.push_back(std::move(t));
    }
    return out;
  });
}

}  // namespace cove::bridge
