#include "bridge/call_log.h"

#include <algorithm>

#include "base/text.h"
#include "bridge/budget_rows.h"
#include "bridge/call_id.h"
#include "bridge/call_rows.h"

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
)"},
                                       {"bridge", 2, R"(
  ALTER TABLE ai_call ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN template TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN token_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN request_id TEXT;
  ALTER TABLE ai_call ADD COLUMN fallback_from TEXT;
  ALTER TABLE ai_call ADD COLUMN key_hint TEXT;
  ALTER TABLE ai_call ADD COLUMN cost_basis TEXT;
  ALTER TABLE ai_call ADD COLUMN cost INTEGER;
  ALTER TABLE ai_call ADD COLUMN price_from TEXT;
  ALTER TABLE ai_call ADD COLUMN price_input INTEGER;
  ALTER TABLE ai_call ADD COLUMN price_cached INTEGER;
  ALTER TABLE ai_call ADD COLUMN price_cache_write INTEGER;
  ALTER TABLE ai_call ADD COLUMN price_output INTEGER;
  CREATE TABLE ai_budget (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    subject TEXT NOT NULL,
    period TEXT NOT NULL,
    limit_micros INTEGER NOT NULL,
    on_exhausted TEXT NOT NULL,
    unpriced TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (org_id, scope, subject, period)
  ) STRICT;
  CREATE TABLE ai_spent (
    budget_id TEXT NOT NULL REFERENCES ai_budget (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    period_start INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    PRIMARY KEY (budget_id, subject, period_start)
  ) STRICT;
  CREATE TABLE ai_token (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    org_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    sandbox_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    budget_id TEXT REFERENCES ai_budget (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
)"}};

namespace {

// Valid UTF-8 is what a text column holds; a name that is not plain ASCII is not one of ours.
std::string CutName(std::string text) {
  if (text.size() > CallLog::kNameBytesMax) text.resize(CallLog::kNameBytesMax);
  std::replace_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

store::Params EndParams(const Call& call) {
  const CallEnd& end = call.end;
  const Charge& charge = call.charge;
  const Price price = charge.price.value_or(Price{});
  const bool priced = charge.price.has_value();
  auto rate = [priced](Micros micros) { return priced ? store::Value(micros) : store::Value(); };
  return {call.id,
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
          CutName(end.response_id),
          CutName(end.request_id),
          BasisName(charge.basis),
          charge.basis == CostBasis::kUnpriced ? store::Value() : store::Value(charge.cost),
          priced ? store::Value(price.from) : store::Value(),
          rate(price.input),
          rate(price.cached),
          rate(price.cache_write),
          rate(price.output),
          call.start.provider,
          CutName(call.start.fallback_from),
          CutName(end.key_hint)};
}

}  // namespace

Task<Result<std::string>> CallLog::Begin(CallStart start) {
  std::string id = NewCallId();
  store::Params params = {id,
                          start.org,
                          start.sandbox,
                          CutName(std::move(start.user)),
                          CutName(std::move(start.template_name)),
                          start.key_id,
                          start.token_id,
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
        db.Run("INSERT INTO ai_call (id, org_id, sandbox_id, user_id, template, key_id, token_id, "
               "provider, api, model, stream, client, session, thread, turn, request_bytes, "
               "started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
               "$15, $16, $17)",
               params));
    return id;
  });
}

Task<Result<std::vector<Spent>>> CallLog::Finish(Call call) {
  store::Params params = EndParams(call);
  // The start is safe from a power cut already; an end that is lost shows as an abandoned call.
  co_return co_await store_.Write(
      [params = std::move(params),
       call = std::move(call)](store::Db& db) -> Result<std::vector<Spent>> {
        ASSIGN_OR_RETURN(
            const int64_t ended,
            db.Run("UPDATE ai_call SET ended_at = $2, outcome = $3, status = $4, "
                   "first_byte_us = $5, duration_us = $6, response_bytes = $7, usage_known = $8, "
                   "input_tokens = $9, cached_tokens = $10, cache_write_tokens = $11, "
                   "output_tokens = $12, reasoning_tokens = $13, response_id = $14, "
                   "request_id = $15, cost_basis = $16, cost = $17, price_from = $18, "
                   "price_input = $19, price_cached = $20, price_cache_write = $21, "
                   "price_output = $22, provider = $23, fallback_from = $24, key_hint = $25 "
                   "WHERE id = $1 AND ended_at IS NULL",
                   params));
        if (ended == 0) return std::vector<Spent>();
        const bool priced = call.charge.basis != CostBasis::kUnpriced;
        return AddSpending(db, call.start, call.started_at, priced ? call.charge.cost : 0);
      },
      store::Durability::kProcess);
}

Task<Result<std::vector<Call>>> CallLog::ListOpen() {
  co_return co_await store_.Read([](store::Db& db) -> Result<std::vector<Call>> {
    ASSIGN_OR_RETURN(const store::Rows rows,
                     db.Query("SELECT " + std::string(kCallColumns) +
                              " FROM ai_call WHERE ended_at IS NULL ORDER BY started_at, id"));
    std::vector<Call> out;
    for (const store::Row& row : rows) out.push_back(CallFromRow(row));
    return out;
  });
}

}  // namespace cove::bridge
