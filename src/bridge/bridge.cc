#include "bridge/bridge.h"

#include "bridge/bridge_call.h"
#include "bridge/request_hash.h"

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
      upstream_(std::move(deps_.providers), *deps_.resolver_pool, std::move(deps_.tape)),
      held_(deps_.limits.held_bytes_max),
      sockets_({.at_once = deps_.limits.websockets_max}) {}

std::vector<std::string> Bridge::ProvidersWithKey() const {
  std::vector<std::string> out;
  for (const Provider& provider : upstream_.providers()) {
    if (!provider.keys.empty()) out.push_back(provider.name);
  }
  return out;
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
    co_await RefuseNew(call, *call.caller.barred);
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
    co_await RefuseNew(call, *std::move(none));
    co_return;
  }
  if (auto why = upstream_.WhyNot(*call.provider, head, call.from())) {
    co_await RefuseNew(call, *std::move(why));
    co_return;
  }
  // Before the body: what has not come yet is a call under way, too.
  auto seat = deps_.books->Enter(CallerOf(call.caller));
  if (auto* refused = std::get_if<ProviderError>(&seat)) {
    co_await RefuseNew(call, std::move(*refused));
    co_return;
  }
  call.seat = std::move(std::get<Seat>(seat));
  co_await (socket ? ServeSocket(call) : ServeRoute(call));
}

Task<void> Bridge::ServeRoute(InFlight& call) {
  Body body;
  if (auto refused = co_await ReadBody(call, body)) {
    co_await RefuseNew(call, *std::move(refused));
    co_return;
  }
  Judged judged;
  const std::string_view text = body.text();
  const bool judge = call.route.recorded || !text.empty();
  if (auto refused = judge ? Judge(call, text, judged) : std::nullopt) {
    deps_.books->Refused(std::move(judged.start), *refused);
    co_await Refuse(call, *std::move(refused));
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
  (void)call.held.Set(body.sent.size());
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
  (void)call.held.Set(0);  // the answer may take long
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
