#include "bridge/call_json.h"

namespace cove::bridge {

namespace {

double Milliseconds(microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

json::Value TextOrNull(const std::string& text) {
  return text.empty() ? json::Value(nullptr) : json::Value(text);
}

json::Value PriceJson(const std::optional<Price>& price) {
  if (!price) return nullptr;
  json::Object out;
  out["from"] = price->from;
  out["inputMicroUsd"] = price->input;
  out["cachedMicroUsd"] = price->cached;
  out["cacheWriteMicroUsd"] = price->cache_write;
  out["outputMicroUsd"] = price->output;
  out["cacheWrite1hMicroUsd"] = price->cache_write_1h;
  out["webSearchMicroUsd"] = price->web_search;
  return out;
}

void AddStart(json::Object& out, const CallStart& start) {
  out["sandboxId"] = TextOrNull(start.sandbox.value);
  out["userId"] = TextOrNull(start.user);
  out["template"] = TextOrNull(start.template_name);
  out["keyId"] = TextOrNull(start.key_id);
  out["tokenId"] = TextOrNull(start.token_id);
  out["provider"] = start.provider;
  if (!start.fallback_from.empty()) out["fallbackFrom"] = start.fallback_from;
  out["api"] = start.api;
  out["model"] = start.model;
  out["stream"] = start.stream;
  out["client"] = TextOrNull(start.client);
  out["sessionId"] = TextOrNull(start.session);
  out["threadId"] = TextOrNull(start.thread);
  out["turnId"] = TextOrNull(start.turn);
  out["requestBytes"] = start.request_bytes;
}

void AddEnd(json::Object& out, const CallEnd& end) {
  out["status"] = end.status;
  out["refusal"] = TextOrNull(end.refusal);
  if (end.first_byte) out["firstByteMs"] = Milliseconds(*end.first_byte);
  out["durationMs"] = Milliseconds(end.duration);
  out["responseBytes"] = end.response_bytes;
  out["responseId"] = TextOrNull(end.response_id);
  out["requestId"] = TextOrNull(end.request_id);
  out["keyHint"] = TextOrNull(end.key_hint);
  if (!end.usage.known) return;
  out["inputTokens"] = end.usage.input;
  out["cachedTokens"] = end.usage.cached;
  out["cacheWriteTokens"] = end.usage.cache_write;
  out["outputTokens"] = end.usage.output;
  out["reasoningTokens"] = end.usage.reasoning;
  out["cacheWrite1hTokens"] = end.usage.cache_write_1h;
  out["webSearches"] = end.usage.web_searches;
}

}  // namespace

json::Object ToJson(const Call& call) {
  json::Object out;
  out["id"] = call.id;
  AddStart(out, call.start);
  out["startedAt"] = FormatIso(call.started_at);
  out["outcome"] = call.ended_at ? OutcomeName(call.end.outcome) : "running";
  if (!call.ended_at) return out;
  out["endedAt"] = FormatIso(*call.ended_at);
  AddEnd(out, call.end);
  const Charge& charge = call.charge;
  const bool priced = charge.basis != CostBasis::kUnpriced;
  out["costBasis"] = BasisName(charge.basis);
  out["costMicroUsd"] = priced ? json::Value(charge.cost) : json::Value(nullptr);
  out["price"] = PriceJson(charge.price);
  return out;
}

json::Object ToJson(const Totals& totals, const std::vector<Group>& groups) {
  json::Object out;
  for (size_t i = 0; i < groups.size() && i < totals.names.size(); ++i) {
    out[GroupName(groups[i])] = TextOrNull(totals.names[i]);
  }
  out["calls"] = totals.calls;
  out["failed"] = totals.failed;
  out["usageUnknown"] = totals.usage_unknown;
  out["unpriced"] = totals.unpriced;
  out["estimated"] = totals.estimated;
  out["inputTokens"] = totals.input;
  out["cachedTokens"] = totals.cached;
  out["cacheWriteTokens"] = totals.cache_write;
  out["outputTokens"] = totals.output;
  out["reasoningTokens"] = totals.reasoning;
  out["costMicroUsd"] = totals.cost;
  out["cacheWrite1hTokens"] = totals.cache_write_1h;
  out["webSearches"] = totals.web_searches;
  out["refused"] = totals.refused;
  return out;
}

json::Object ToJson(const Budget& budget, const std::vector<BudgetUse>& uses) {
  json::Object out;
  out["id"] = budget.id;
  out["scope"] = ScopeName(budget.scope);
  out["subject"] = TextOrNull(budget.subject);
  out["period"] = PeriodName(budget.period);
  out["limitMicroUsd"] = budget.limit;
  out["onExhausted"] = OnExhaustedName(budget.on_exhausted);
  out["unpriced"] = UnpricedName(budget.unpriced);
  out["createdAt"] = FormatIso(budget.created_at);
  json::Array list;
  for (const BudgetUse& use : uses) {
    json::Object item;
    item["subject"] = TextOrNull(use.subject);
    const bool total = budget.period == Period::kTotal;
    item["periodStart"] = total ? json::Value(nullptr) : json::Value(FormatIso(use.period_start));
    item["spentMicroUsd"] = use.spent;
    item["heldMicroUsd"] = use.held;
    item["calls"] = use.calls;
    item["inFlight"] = use.in_flight;
    list.emplace_back(std::move(item));
  }
  out["use"] = std::move(list);
  return out;
}

json::Object ToJson(const Token& token) {
  json::Object out;
  out["id"] = token.id;
  out["userId"] = TextOrNull(token.user);
  out["sandboxId"] = TextOrNull(token.sandbox.value);
  out["budgetId"] = TextOrNull(token.budget);
  out["createdAt"] = FormatIso(token.created_at);
  out["expiresAt"] = FormatIso(token.expires_at);
  return out;
}

json::Object ToJson(const Said& said) {
  json::Object out;
  out["prompt"] = TextOrNull(said.prompt);
  out["modelAlias"] = TextOrNull(said.alias);
  out["answerModel"] = TextOrNull(said.answer_model);
  out["stop"] = TextOrNull(said.stop);
  out["error"] = TextOrNull(said.error);
  out["cut"] = said.cut;
  json::Array tools;
  for (const ToolCall& tool : said.tools) {
    json::Object item;
    item["kind"] = tool.kind;
    item["name"] = tool.name;
    item["server"] = TextOrNull(tool.server);
    item["toolCallId"] = TextOrNull(tool.call_id);
    item["itemId"] = TextOrNull(tool.item_id);
    item["input"] = TextOrNull(tool.input);
    item["cut"] = tool.cut;
    tools.emplace_back(std::move(item));
  }
  out["tools"] = std::move(tools);
  json::Array thoughts;
  for (const Thought& thought : said.thoughts) {
    json::Object item;
    item["source"] = thought.source;
    item["text"] = thought.text;
    thoughts.emplace_back(std::move(item));
  }
  out["thoughts"] = std::move(thoughts);
  return out;
}

}  // namespace cove::bridge
