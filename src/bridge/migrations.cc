#include "bridge/call_log.h"

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
                                       // A call lies by its number, which is its time (call_id.h),
                                       // so that it writes few pages. Calls from before get theirs.
                                       {"bridge", 3, R"(
  ALTER TABLE ai_call ADD COLUMN time INTEGER;
  UPDATE ai_call SET time = (started_at / 1000 << 12) + started_at % 1000 * 4096 / 1000;
  CREATE TABLE ai_row (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    org_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT,
    status INTEGER,
    stream INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL,
    response_bytes INTEGER,
    first_byte_us INTEGER,
    duration_us INTEGER,
    usage_known INTEGER,
    input_tokens INTEGER,
    cached_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_basis TEXT,
    cost INTEGER,
    price_from TEXT,
    price_input INTEGER,
    price_cached INTEGER,
    price_cache_write INTEGER,
    price_output INTEGER,
    sandbox_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    template TEXT NOT NULL,
    key_id TEXT NOT NULL,
    token_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    api TEXT NOT NULL,
    model TEXT NOT NULL,
    client TEXT NOT NULL,
    session TEXT NOT NULL,
    thread TEXT NOT NULL,
    turn TEXT NOT NULL,
    response_id TEXT,
    request_id TEXT,
    fallback_from TEXT,
    key_hint TEXT
  ) STRICT;
  INSERT INTO ai_row SELECT time, printf('%08x-%04x-7%03x', time >> 28, time >> 12 & 65535,
    time & 4095) || substr(id, 19), org_id, started_at, ended_at, outcome, status, stream,
    request_bytes, response_bytes, first_byte_us, duration_us, usage_known, input_tokens,
    cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_basis, cost,
    price_from, price_input, price_cached, price_cache_write, price_output, sandbox_id, user_id,
    template, key_id, token_id, provider, api, model, client, session, thread, turn, response_id,
    request_id, fallback_from, key_hint FROM ai_call;
  ALTER TABLE ai_said RENAME TO ai_said_before;
  CREATE TABLE ai_said (
    call INTEGER PRIMARY KEY,
    alias TEXT NOT NULL,
    answer_model TEXT NOT NULL,
    stop TEXT NOT NULL,
    error TEXT NOT NULL,
    cut INTEGER NOT NULL,
    prompt TEXT NOT NULL
  ) STRICT;
  INSERT INTO ai_said SELECT time, alias, answer_model, stop, error, cut, prompt
    FROM ai_said_before JOIN ai_call ON id = call_id;
  DROP TABLE ai_said_before;
  ALTER TABLE ai_tool RENAME TO ai_tool_before;
  CREATE TABLE ai_tool (
    call INTEGER NOT NULL,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    server TEXT NOT NULL,
    tool_call_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    input TEXT NOT NULL,
    cut INTEGER NOT NULL,
    PRIMARY KEY (call, n)
  ) STRICT;
  INSERT INTO ai_tool SELECT time, n, kind, name, server, tool_call_id, item_id, input, cut
    FROM ai_tool_before JOIN ai_call ON id = call_id;
  DROP TABLE ai_tool_before;
  ALTER TABLE ai_thought RENAME TO ai_thought_before;
  CREATE TABLE ai_thought (
    call INTEGER NOT NULL,
    n INTEGER NOT NULL,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (call, n)
  ) STRICT;
  INSERT INTO ai_thought SELECT time, n, source, text
    FROM ai_thought_before JOIN ai_call ON id = call_id;
  DROP TABLE ai_thought_before;
  DROP TABLE ai_call;
  ALTER TABLE ai_row RENAME TO ai_call;
  CREATE INDEX ai_call_by_org ON ai_call (org_id);
  CREATE INDEX ai_call_by_sandbox ON ai_call (org_id, sandbox_id);
  CREATE INDEX ai_call_open ON ai_call (ended_at) WHERE ended_at IS NULL;
)"},
                                       {"bridge", 4, R"(
  ALTER TABLE ai_call ADD COLUMN cache_write_1h_tokens INTEGER;
  ALTER TABLE ai_call ADD COLUMN web_searches INTEGER;
  ALTER TABLE ai_call ADD COLUMN price_cache_write_1h INTEGER;
  ALTER TABLE ai_call ADD COLUMN price_web_search INTEGER;
)"},
                                       {"bridge", 5, R"(
  ALTER TABLE ai_call ADD COLUMN refusal TEXT;
)"}};

}  // namespace cove::bridge
