#include "bridge/call_json.h"

namespace cove::bridge {

namespace {

double Milliseconds(microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

json::Value TextOrNull(const std::string& text) {
  return text.empty() ? json::Value(nullptr) : json::Value(text);
}

}  // namespace

json::Object ToJson(const Call& call) {
  const CallStart& start = call.start;
  const CallEnd& end = call.end;
  json::Object out;
  out["id"] = call.id;
  out["sandboxId"] = TextOrNull(start.sandbox.value);
  out["keyId"] = TextOrNull(start.key_id);
  out["provider"] = start.provider;
  out["api"] = start.api;
  out["model"] = start.model;
  out["stream"] = start.stream;
  out["client"] = TextOrNull(start.client);
  out["sessionId"] = TextOrNull(start.session);
  out["threadId"] = TextOrNull(start.thread);
  out["turnId"] = TextOrNull(start.turn);
  out["startedAt"] = FormatIso(call.started_at);
  out["requestBytes"] = start.request_bytes;
  out["outcome"] = call.ended_at ? OutcomeName(end.outcome) : "running";
  if (!call.ended_at) return out;
  out["endedAt"] = FormatIso(*call.ended_at);
  out["status"] = end.status;
  if (end.first_byte) out["firstByteMs"] = Milliseconds(*end.first_byte);
  out["durationMs"] = Milliseconds(end.duration);
  out["responseBytes"] = end.response_bytes;
  out["responseId"] = TextOrNull(end.response_id);
  if (end.usage.known) {
    out["inputTokens"] = end.usage.input;
    out["cachedTokens"] = end.usage.cached;
    out["cacheWriteTokens"] = end.usage.cache_write;
    out["outputTokens"] = end.usage.output;
    out["reasoningTokens"] = end.usage.reasoning;
  }
  return out;
}

json::Object ToJson(const Totals& totals) {
  json::Object out;
  out["model"] = totals.model;
  out["calls"] = totals.calls;
  out["failed"] = totals.failed;
  out["usageUnknown"] = totals.usage_unknown;
  out["inputTokens"] = totals.input;
  out["cachedTokens"] = totals.cached;
  out["cacheWriteTokens"] = totals.cache_write;
  out["outputTokens"] = totals.output;
  out["reasoningTokens"] = totals.reasoning;
  return out;
}

Task<Result<json::Array>> CallRows(CallLog& log, CallFilter filter) {
  CO_ASSIGN_OR_RETURN(const auto calls, co_await log.List(std::move(filter)));
  json::Array out;
  for (auto it = calls.rbegin(); it != calls.rend(); ++it) out.emplace_back(ToJson(*it));
  co_return out;
}

}  // namespace cove::bridge
