#include "bridge/routes.h"

namespace cove::bridge {

namespace {

struct Entry {
  ProviderKind kind;
  std::string_view method;
  std::string_view path;
  std::string_view target;
  Api api;
  bool recorded;
};

constexpr Entry kTable[] = {
    {ProviderKind::kOpenAi, "POST", "/v1/responses", "/responses", Api::kResponses, true},
    {ProviderKind::kOpenAi, "POST", "/v1/chat/completions", "/chat/completions",
     Api::kChatCompletions, true},
    {ProviderKind::kOpenAi, "GET", "/v1/models", "/models", Api::kModels, false},
    {ProviderKind::kAnthropic, "POST", "/v1/messages", "/v1/messages", Api::kMessages, true},
    {ProviderKind::kAnthropic, "POST", "/v1/messages/count_tokens", "/v1/messages/count_tokens",
     Api::kCountTokens, false},
    {ProviderKind::kAnthropic, "GET", "/v1/models", "/v1/models", Api::kModels, false},
};

// "/model/{model}/{verb}".
Route FindBedrockRoute(std::string_view method, std::string_view path) {
  Route out;
  if (method == "POST") out.bedrock = ParseBedrockPath(path);
  if (!out.bedrock) {
    out.operation = UnservedOperation(path);
    if (!out.operation.empty()) out.verdict = Route::Verdict::kNotServed;
    return out;
  }
  out.verdict = Route::Verdict::kForward;
  out.recorded = out.bedrock->verb != BedrockVerb::kCountTokens;
  out.api = out.recorded ? Api::kMessages : Api::kCountTokens;
  out.target = BedrockPath(*out.bedrock);
  return out;
}

}  // namespace

std::string_view ApiName(Api api) {
  switch (api) {
    case Api::kResponses:
      return "responses";
    case Api::kChatCompletions:
      return "chat.completions";
    case Api::kMessages:
      return "messages";
    case Api::kCountTokens:
      return "count_tokens";
    case Api::kModels:
      return "models";
  }
  return "unknown";
}

Route FindRoute(ProviderKind kind, std::string_view method, std::string_view path,
                Upgrade upgrade) {
  Route out;
  if (upgrade == Upgrade::kYes) {
    if (kind == ProviderKind::kOpenAi && method == "GET" && path == "/v1/responses") {
      out.verdict = Route::Verdict::kWebSocket;
      out.api = Api::kResponses;
      out.recorded = true;
      out.target = "/responses";
    }
    return out;
  }
  if (kind == ProviderKind::kBedrock) return FindBedrockRoute(method, path);
  for (const Entry& entry : kTable) {
    if (entry.kind != kind || entry.method != method || entry.path != path) continue;
    out.verdict = Route::Verdict::kForward;
    out.api = entry.api;
    out.recorded = entry.recorded;
    out.target = entry.target;
    return out;
  }
  return out;
}

}  // namespace cove::bridge
