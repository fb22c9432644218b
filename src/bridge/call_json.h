// Calls, sums, budgets and tokens as the API shows them, and calls and sums as lines of CSV.
// Money is in whole micro-dollars. Pure functions.
#pragma once

#include "bridge/tokens.h"
#include "json/json.h"

namespace cove::bridge {

// id, sandboxId, userId, template, keyId, tokenId, provider, api, model, stream, client, sessionId,
// threadId, turnId, startedAt, endedAt, outcome ("running" while it runs), status, firstByteMs,
// durationMs, requestBytes, responseBytes, responseId, requestId,
// keyHint (which of the provider's keys), fallbackFrom where another provider was asked first; when
// the answer told them inputTokens (without cached), cachedTokens, cacheWriteTokens, outputTokens
// (with reasoning), reasoningTokens; costBasis, costMicroUsd (null: unpriced) and the price that
// was used.
json::Object ToJson(const Call& call);
// `groups` as CallLog::Sum was asked, without repetition and in its order.
json::Object ToJson(const Totals& totals, const std::vector<Group>& groups);
json::Object ToJson(const Budget& budget, const std::vector<BudgetUse>& uses);
json::Object ToJson(const Token& token);
// prompt, modelAlias, answerModel, stop, error, cut, tools (kind, name, server, toolCallId, itemId,
// input, cut), thoughts (source, text).
json::Object ToJson(const Said& said);

// The same fields, RFC 4180; a text that a spreadsheet would take for a formula begins with '.
std::string CallCsvHead();
std::string CsvLine(const Call& call);
std::string TotalsCsvHead(const std::vector<Group>& groups);
std::string CsvLine(const Totals& totals);

}  // namespace cove::bridge
