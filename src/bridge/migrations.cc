#include "bridge/call_log.h"

namespace cove::bridge {

const store::Migrations kMigrations = {
    {"bridge", 1, R"(
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
)"},
    {"bridge_texts", 1, R"(
  CREATE TABLE ai_said (
    call_id TEXT PRIMARY KEY REFERENCES ai_call (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,
    alias TEXT NOT NULL,
    answer_model TEXT NOT NULL,
    stop TEXT NOT NULL,
    error TEXT NOT NULL,
    cut INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE ai_tool (
    call_id TEXT NOT NULL REFERENCES ai_call (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    server TEXT NOT NULL,
    tool_call_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    input TEXT NOT NULL,
    cut INTEGER NOT NULL,
    PRIMARY KEY (call_id, n)
  ) STRICT;
  CREATE INDEX ai_tool_by_call_id ON ai_tool (tool_call_id);
  CREATE TABLE ai_thought (
    call_id TEXT NOT NULL REFERENCES ai_call (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (call_id, n)
  ) STRICT;
)"},
    // What a call said moves into its row, which is then ended by one write.
    {"bridge_texts", 2, R"(
  ALTER TABLE ai_call ADD COLUMN prompt TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN alias TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN answer_model TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN stop TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN error TEXT NOT NULL DEFAULT '';
  ALTER TABLE ai_call ADD COLUMN cut INTEGER NOT NULL DEFAULT 0;
  UPDATE ai_call SET (prompt, alias, answer_model, stop, error, cut) =
    (SELECT prompt, alias, answer_model, stop, error, cut FROM ai_said WHERE call_id = ai_call.id)
    WHERE id IN (SELECT call_id FROM ai_said);
  DROP TABLE ai_said;
)"}};

}  // namespace cove::bridge
