// Calls and totals as the API shows them (GET /api/ai/usage).
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

// The newest calls that `filter` selects, oldest first, each as ToJson. The log must outlive the
// task.
Task<Result<json::Array>> CallRows(CallLog& log, CallFilter filter);

}  // namespace cove::bridge
