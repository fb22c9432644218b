#include "bridge/bridge.h"

#include "bridge/bridge_call.h"
#include "bridge/headers.h"
#include "bridge/request_hash.h"
#include "http/content_coding.h"

namespace cove::bridge {

namespace {

// "/openai/v1/responses" -> "openai", "/v1/responses".
struct SplitPath {
  std::string_view provider;
  std::string_view rest;
};
SplitPath SplitProvider(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {path, "/"};
  return {path.substr(0, slash), path.substr(slash)};
}

Upgrade WantsUpgrade(const http::RequestHead& head) {
  return head.headers.HasToken("connection", "upgrade") && head.headers.Has("upgrade")
             ? Upgrade::kYes
             : Upgrade::kNo;
}

}  // namespace

Bridge::Bridge(Deps deps)
    : deps_(std::move(deps)),
      upstream_(std::move(deps_.providers), *deps_.resolver_pool, std::move(deps_.tape)) {}

std::vector<std::string> Bridge::ProvidersWithKey() const {
  std::vector<std::string> out;
  for (const Provider& provider : upstream_.providers()) {
    if (!provider.keys.empty()) out.push_back(provider.name);
  }
  return out;
}

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

Task<void> Bridge::RefuseNew(InFlight& call, CallStart start, ProviderError error) {
  deps_.books->Refused(std::move(start), error);
  co_await Refuse(call, std::move(error));
}

Task<void> Bridge::Serve(Caller caller, http::Exchange& exchange, std::string path) {
  InFlight call{std::move(caller), exchange, std::move(path), exchange.request()};
  const SplitPath split = SplitProvider(call.path);
  call.provider = upstream_.Find(split.provider);
  const http::RequestHead& head = call.head;
  if (call.provider != nullptr) {
    call.route = FindRoute(call.provider->kind, head.method, split.rest, WantsUpgrade(head));
  }
  if (call.caller.barred) {
    co_await RefuseNew(call, StartOf(call), *call.caller.barred);
    co_return;
  }
  const bool socket = call.route.verdict == Route::Verdict::kWebSocket;
  if (socket && deps_.wire.websocket == WireSettings::WebSocket::kRefuse) {
    co_await Refuse(
        call,
        ProviderError{426, "cove_no_websocket",
                      "The model gateway answers over plain HTTP: POST with \"stream\": true."});
    co_return;
  }
  if (auto none = NoRoute(call)) {
    co_await RefuseNew(call, StartOf(call), *std::move(none));
    co_return;
  }
  if (auto why = upstream_.WhyNot(*call.provider, head, call.from())) {
    co_await RefuseNew(call, StartOf(call), *std::move(why));
    co_return;
  }
  co_await (socket ? ServeSocket(call) : ServeRoute(call));
}

Task<std::optional<ProviderError>> Bridge::ReadBody(InFlight& call, Body& out) {
  const size_t limit = deps_.limits.request_bytes_max;
  const size_t expected = call.exchange.body().length().value_or(limit);
  if (expected > limit) {
    co_return ProviderError{413, "cove_request_too_large",
                            "The request is larger than " + std::to_string(limit) + " bytes."};
  }
  if (held_bytes_ + expected > deps_.limits.held_bytes_max) {
    co_return ProviderError{
        503, "cove_at_capacity",
        "The model gateway holds too many requests at once; try again shortly."};
  }
  const auto unread = [](const Error& error) {
    return ProviderError{error.code() == Code::kTooLarge ? 413 : 400, "cove_bad_request",
                         "The request's body could not be read: " + error.message()};
  };
  call.held.Set(held_bytes_, expected);
  auto body = co_await http::ReadAll(call.exchange.body(), limit);
  if (!body) co_return unread(body.error());
  out.sent = *std::move(body);
  const http::Coding coding = http::CodingOf(call.head.headers);
  if (coding == http::Coding::kOther) {
    co_return ProviderError{
        415, "cove_coding",
        "The model gateway reads request bodies that are plain, gzip or zstd; send this one as "
        "one of these."};
  }
  if (coding != http::Coding::kNone) {
    auto plain = http::DecodeAll(coding, out.sent, limit);
    if (!plain) co_return unread(plain.error());
    out.decoded = *std::move(plain);
  }
  call.held.Set(held_bytes_, out.sent.size() + (out.decoded ? out.decoded->size() : 0));
  co_return std::nullopt;
}

Task<void> Bridge::ServeRoute(InFlight& call) {
  Body body;
  if (auto refused = co_await ReadBody(call, body)) {
    co_await RefuseNew(call, StartOf(call), *std::move(refused));
    co_return;
  }
  Judged judged;
  const std::string_view text = body.text();
  const bool judge = call.route.recorded || !text.empty();
  if (auto refused = judge ? Judge(call, text, judged) : std::nullopt) {
    co_await RefuseNew(call, std::move(judged.start), *std::move(refused));
    co_return;
  }
  if (upstream_.on_tape()) {
    const std::string_view path = SplitProvider(call.path).rest;
    call.asked = RequestHash(call.provider->kind, call.head.method, path, text);
  }
  if (!judged.target.empty()) call.route.target = std::move(judged.target);
  // What was edited goes plain; what was not goes as it came.
  if (!judged.edited.empty()) {
    body.sent = std::move(judged.edited);
    call.head.headers.Remove("content-encoding");
  }
  body.decoded.reset();
  call.held.Set(held_bytes_, body.sent.size());
  if (call.route.recorded) {
    co_await ServeRecorded(call, std::move(body.sent), std::move(judged));
    co_return;
  }
  Sent sent = co_await SendUpstream(call, std::move(body.sent));
  if (sent.response == nullptr) {
    co_await Refuse(call, std::move(sent.refusal));
    co_return;
  }
  Relay relay(std::move(sent.response), OptionsOf(call));
  co_await relay.Pass(call.exchange);
}

Task<Sent> Bridge::SendUpstream(InFlight& call, std::string body) {
  Outgoing out = OutgoingOf(call);
  out.body = std::move(body);
  call.sent_at = Now();
  Sent sent = co_await upstream_.Send(std::move(out));
  call.held.Set(held_bytes_, 0);  // the answer may take long
  co_return sent;
}

Outgoing Bridge::OutgoingOf(const InFlight& call) {
  Outgoing out;
  out.provider = call.provider;
  out.path = SplitProvider(call.path).rest;
  out.target = call.route.target;
  if (!call.head.RawQuery().empty()) out.target += "?" + std::string(call.head.RawQuery());
  out.agent = &call.head;
  out.model = call.model;
  out.asked = call.asked;
  out.caller = call.caller.sandbox.value + call.caller.key_id + call.caller.token_id;
  out.from = call.from();
  out.gone = [&exchange = call.exchange] { return exchange.PeerClosed(); };
  return out;
}

}  // namespace cove::bridge
