// Calls and totals as the API shows them (GET /api/ai/usage). Pure functions.
#pragma once

#include "bridge/call_log.h"
#include "json/json.h"

namespace cove::bridge {

// id, sandboxId, keyId, provider, api, model, stream, client, sessionId, threadId, turnId,
// startedAt, endedAt, outcome ("running" while it runs), status, firstByteMs, durationMs,
// requestBytes, responseBytes, and when the answer told them inputTokens (without cached),
// cachedTokens, cacheWriteTokens, outputTokens (with reasoning), reasoningTokens, responseId.
json::Object ToJson(const Call& call);
json::Object ToJson(const Totals& totals);

}  // namespace cove::bridge
