// What the bridge itself answers. Apart from where calls are served also because the frames of
// these coroutines would be laid into those, and stay there for as long as a stream that is not
// refused.
#include "bridge/bridge_call.h"
#include "bridge/headers.h"

namespace cove::bridge {

Task<void> Bridge::Refuse(InFlight& call, ProviderError error) {
  const ProviderKind kind = call.provider ? call.provider->kind : ProviderKind::kOpenAi;
  http::ResponseHead head = ErrorHead(kind, error);
  std::string body = ErrorBody(kind, error);
  // If the agent is gone there is nobody to tell.
  auto sent = co_await call.exchange.Respond(std::move(head), std::move(body));
  (void)sent;
}

std::optional<ProviderError> Bridge::NoRoute(const InFlight& call) {
  ProviderError out;
  if (call.route.verdict == Route::Verdict::kNotServed) {
    out.status = 501;
    out.code = "cove_not_served";
    out.message = "The model gateway does not serve " + std::string(call.route.operation) +
                  ": it could neither judge nor count what is said there. On Bedrock it serves "
                  "InvokeModel, InvokeModelWithResponseStream and CountTokens of Anthropic's "
                  "models, with a Messages body.";
    return out;
  }
  if (call.route.verdict != Route::Verdict::kNotFound) return std::nullopt;
  out.status = 404;
  out.code = "cove_no_route";
  out.message = "The model gateway has no route " + call.head.method + " " + call.path +
                ". It serves responses, chat/completions and models of providers of kind openai, "
                "messages, count_tokens and models of kind anthropic, invoke, "
                "invoke-with-response-stream and count-tokens of a model of kind bedrock.";
  return out;
}

CallStart Bridge::StartOf(const InFlight& call) {
  const http::RequestHead& head = call.head;
  AgentNames names = ReadAgentNames(head.headers);
  CallStart start;
  start.org = call.caller.org;
  start.sandbox = call.caller.sandbox;
  start.user = call.caller.user;
  start.template_name = call.caller.template_name;
  start.key_id = call.caller.key_id;
  start.token_id = call.caller.token_id;
  start.provider = call.provider == nullptr ? "" : call.provider->name;
  const bool found = !NoRoute(call).has_value();
  start.api = found ? std::string(ApiName(call.route.api)) : head.method + " " + call.path;
  start.client = std::move(names.client);
  start.session = std::move(names.session);
  start.thread = std::move(names.thread);
  start.turn = std::move(names.turn);
  return start;
}

Task<void> Bridge::RefuseNew(InFlight& call, ProviderError error) {
  deps_.books->Refused(StartOf(call), error);
  co_await Refuse(call, std::move(error));
}

}  // namespace cove::bridge
