// What is looked at in a request before it may leave.
#include <algorithm>

#include "bridge/ask.h"
#include "bridge/bridge_call.h"
#include "bridge/human_prompt.h"
#include "log/log.h"

namespace cove::bridge {

namespace {

std::optional<std::string> TurnIn(const json::Object& request) {
  const json::Object* meta = json::GetObject(request, "client_metadata");
  if (meta == nullptr) return std::nullopt;
  const auto text = json::GetString(*meta, "x-codex-turn-metadata");
  if (!text) return std::nullopt;
  const auto turn = json::ParseObject(*text);
  return turn ? json::GetString(*turn, "turn_id") : std::nullopt;
}

// Names of models are kept while a call lasts, looked up for each and shown: those that no provider
// has are not passed on. One in Bedrock's path has its own bound (bedrock.h).
std::optional<ProviderError> OddModels(const json::Object& request) {
  constexpr size_t kModelsMax = 32;
  std::vector<std::string> names = FurtherModels(request);
  if (names.size() > kModelsMax) {
    return ProviderError{400, "cove_bad_request",
                         "The request names more than " + std::to_string(kModelsMax) +
                             " models to choose from; name fewer."};
  }
  names.push_back(json::GetString(request, "model").value_or(""));
  const bool fit = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return name.size() <= CallLog::kNameBytesMax;
  });
  if (fit) return std::nullopt;
  return ProviderError{400, "cove_bad_request",
                       "The request names a model in more than " +
                           std::to_string(CallLog::kNameBytesMax) +
                           " bytes; give its name as the provider lists it."};
}

void PutAliasIntoPath(const Aliases& aliases, BedrockCall call, RequestEdit& edit,
                      std::string& target) {
  const auto alias = aliases.find(call.model);
  if (alias == aliases.end()) return;
  edit.model = call.model = alias->second;
  target = BedrockPath(call);
}

}  // namespace

ProviderError Unparsed(const Error& error) {
  if (error.code() == Code::kTooLarge) {
    return {400, "cove_bad_request",
            "The model gateway does not read this request: " + error.message() +
                ". Send long lists of numbers as a text, or in several calls."};
  }
  return {400, "cove_bad_request", "The request's body is not a JSON object: " + error.message()};
}

std::optional<ProviderError> Bridge::Forbidden(const InFlight& call, const json::Object& request,
                                               const Reach& reach) const {
  if (auto refusal = deps_.guard.Judge(request, reach)) return refusal;
  if (deps_.guards) {
    const auto guards = deps_.guards(call.caller.org, call.caller.sandbox);
    if (!guards) return ProviderError{503, "cove_policy_unavailable", guards.error().message()};
    if (*guards != nullptr) {
      for (const Guard& guard : **guards) {
        if (auto refusal = guard.Judge(request, reach)) return refusal;
      }
    }
  }
  if (!deps_.may_reach || call.caller.sandbox.value.empty()) return std::nullopt;
  for (const FetchedUrl& found : reach.urls) {
    const auto url = http::Url::Parse(found.text);
    if (url && deps_.may_reach(call.caller.sandbox, *url)) continue;
    log::Warn("bridge.url_refused", {{"sandbox", call.caller.sandbox.value}});
    ProviderError out;
    out.status = 403;
    out.code = "cove_url_not_allowed";
    out.message = "The request names " + found.text +
                  " for the provider to fetch, which no rule of this sandbox allows. Ask the "
                  "operator for a rule, or send the content itself.";
    return out;
  }
  return std::nullopt;
}

std::optional<ProviderError> Bridge::Judge(const InFlight& call, std::string_view body,
                                           Judged& out) const {
  auto parsed = json::ParseObject(body);
  if (parsed) return JudgeParsed(call, body, *std::move(parsed), out);
  out.start = StartOf(call);
  out.start.request_bytes = body.size();
  return Unparsed(parsed.error());
}

std::optional<ProviderError> Bridge::JudgeParsed(const InFlight& call, std::string_view body,
                                                 json::Object request, Judged& out) const {
  CallStart& start = out.start;
  start = StartOf(call);
  start.request_bytes = body.size();
  start.model = call.route.bedrock ? call.route.bedrock->model
                                   : json::GetString(request, "model").value_or("");
  start.stream = json::GetBool(request, "stream").value_or(false);
  if (auto refusal = OddModels(request)) {
    start.model.resize(CutUtf8(start.model, CallLog::kNameBytesMax).size());
    return refusal;
  }
  if (json::GetBool(request, "background").value_or(false)) {
    return ProviderError{
        501, "cove_no_background",
        "\"background\": true is not possible through the gateway, because its result "
        "would be fetched by a call that nobody is charged for. Leave it out."};
  }
  if (call.route.bedrock) {
    if (auto refusal = ReadBedrockRequest(*call.route.bedrock, request)) return refusal;
  }
  start.stream = json::GetBool(request, "stream").value_or(false);  // Bedrock's is in its path
  // On a WebSocket the head is as old as the connection: Codex tells the turn in each message.
  if (auto turn = TurnIn(request)) start.turn = *std::move(turn);
  const WireSettings& wire = deps_.wire;
  // A model is judged by its own name, not by an alias.
  RequestEdit edit = EditRequest(call.route.api, body, request, wire.aliases, wire.ask_usage);
  if (call.route.bedrock) PutAliasIntoPath(wire.aliases, *call.route.bedrock, edit, out.target);
  if (edit.model != json::GetString(request, "model").value_or("")) {
    out.alias = *json::GetString(request, "model");
    request["model"] = edit.model;
  }
  start.model = edit.model;
  const Reach reach = ReachOf(request);
  if (auto refusal = Forbidden(call, request, reach)) return refusal;
  out.edited = std::move(edit.body);
  out.usage_added = edit.usage_added;
  out.prompt = HumanPrompt(call.route.api, request);
  start.ask = ReadAsk(call.route.api, request, reach);
  start.fallbacks = upstream_.FallbacksOf(*call.provider);
  return std::nullopt;
}

}  // namespace cove::bridge
