// CSV of calls and sums: the JSON of each, laid out in columns, so that both have the same fields.
#include <array>

#include "bridge/call_json.h"

namespace cove::bridge {
namespace {

constexpr std::array<std::string_view, 44> kCallColumns = {"id",
                                                           "startedAt",
                                                           "endedAt",
                                                           "outcome",
                                                           "status",
                                                           "sandboxId",
                                                           "userId",
                                                           "template",
                                                           "keyId",
                                                           "tokenId",
                                                           "provider",
                                                           "api",
                                                           "model",
                                                           "stream",
                                                           "client",
                                                           "sessionId",
                                                           "threadId",
                                                           "turnId",
                                                           "requestBytes",
                                                           "responseBytes",
                                                           "firstByteMs",
                                                           "durationMs",
                                                           "responseId",
                                                           "requestId",
                                                           "keyHint",
                                                           "fallbackFrom",
                                                           "inputTokens",
                                                           "cachedTokens",
                                                           "cacheWriteTokens",
                                                           "outputTokens",
                                                           "reasoningTokens",
                                                           "costBasis",
                                                           "costMicroUsd",
                                                           "priceFrom",
                                                           "priceInput",
                                                           "priceCached",
                                                           "priceCacheWrite",
                                                           "priceOutput",
                                                           "currency",
                                                           "cacheWrite1hTokens",
                                                           "webSearches",
                                                           "priceCacheWrite1h",
                                                           "priceWebSearch",
                                                           "refusal"};

constexpr std::array<std::string_view, 14> kSumColumns = {
    "calls",        "failed",          "usageUnknown", "unpriced",
    "estimated",    "inputTokens",     "cachedTokens", "cacheWriteTokens",
    "outputTokens", "reasoningTokens", "costMicroUsd", "cacheWrite1hTokens",
    "webSearches",  "refused"};

// What a client sent may be in it: no cell may be taken for a formula, and none may end its own.
std::string Cell(std::string text) {
  constexpr std::string_view kFormula = "=+-@\t\r";
  if (!text.empty() && kFormula.find(text[0]) != std::string_view::npos) text.insert(0, "'");
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string CellOf(const json::Object& row, std::string_view name) {
  const json::Value* value = json::Find(row, name);
  if (value == nullptr || value->is_null()) return "";
  if (value->is_string()) return Cell(std::string(value->as_string()));
  return json::Write(*value);
}

template <class Names>
std::string Head(const Names& names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ",") + std::string(name);
  return out;
}

}  // namespace

std::string CallCsvHead() { return Head(kCallColumns) + "\r\n"; }

std::string CsvLine(const Call& call) {
  json::Object row = ToJson(call);
  if (const json::Object* price = json::GetObject(row, "price")) {
    const json::Object copy = *price;
    row["priceFrom"] = copy.at("from");
    row["priceInput"] = copy.at("inputMicroUsd");
    row["priceCached"] = copy.at("cachedMicroUsd");
    row["priceCacheWrite"] = copy.at("cacheWriteMicroUsd");
    row["priceOutput"] = copy.at("outputMicroUsd");
    row["priceCacheWrite1h"] = copy.at("cacheWrite1hMicroUsd");
    row["priceWebSearch"] = copy.at("webSearchMicroUsd");
    row["currency"] = "USD";
  }
  std::string out;
  for (size_t i = 0; i < kCallColumns.size(); ++i) {
    out += (i == 0 ? "" : ",") + CellOf(row, kCallColumns[i]);
  }
  return out + "\r\n";
}

std::string TotalsCsvHead(const std::vector<Group>& groups) {
  std::string out;
  for (const Group group : groups) out += std::string(GroupName(group)) + ",";
  return out + Head(kSumColumns) + "\r\n";
}

std::string CsvLine(const Totals& totals) {
  std::string out;
  for (const std::string& name : totals.names) out += Cell(name) + ",";
  const std::array<int64_t, kSumColumns.size()> sums = {
      totals.calls, totals.failed,         totals.usage_unknown, totals.unpriced, totals.estimated,
      totals.input, totals.cached,         totals.cache_write,   totals.output,   totals.reasoning,
      totals.cost,  totals.cache_write_1h, totals.web_searches,  totals.refused};
  for (size_t i = 0; i < sums.size(); ++i) out += (i == 0 ? "" : ",") + std::to_string(sums[i]);
  return out + "\r\n";
}

}  // namespace cove::bridge
