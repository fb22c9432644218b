#include "bridge/bridge.h"

#include "bridge/bridge_call.h"
#include "bridge/content_coding.h"
#include "bridge/relay.h"
#include "log/log.h"

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

// Holds a share of a budget while it lives.
class Share {
 public:
  Share(size_t& used, size_t bytes) : used_(used), bytes_(bytes) { used_ += bytes_; }
  ~Share() { used_ -= bytes_; }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

 private:
  size_t& used_;
  size_t bytes_;
};

}  // namespace

Bridge::Bridge(Deps deps)
    : deps_(std::move(deps)), log_(*deps_.store), texts_(*deps_.store, deps_.wire.texts) {}

std::vector<std::string> Bridge::ProvidersWithKey() const {
  std::vector<std::string> out;
  for (const Provider& provider : deps_.providers) {
    if (!provider.key.empty()) out.push_back(provider.name);
  }
  return out;
}

const Provider* Bridge::FindProvider(std::string_view name) const {
  for (const Provider& provider : deps_.providers) {
    if (provider.name == name) return &provider;
  }
  return nullptr;
}

Task<void> Bridge::Refuse(InFlight& call, int status, std::string code, std::string message) {
  ProviderError error;
  error.status = status;
  error.code = std::move(code);
  error.message = std::move(message);
  co_await Refuse(call, std::move(error));
}

Task<void> Bridge::Refuse(InFlight& call, ProviderError error) {
  const ProviderKind kind = call.provider ? call.provider->kind : ProviderKind::kOpenAi;
  http::ResponseHead head = ErrorHead(error.status);
  std::string body = ErrorBody(kind, error);
  // If the agent is gone there is nobody to tell.
  auto sent = co_await call.exchange.Respond(std::move(head), std::move(body));
  (void)sent;
}

Task<void> Bridge::Serve(Caller caller, http::Exchange& exchange, std::string path) {
  InFlight call{std::move(caller), exchange, std::move(path), exchange.request()};
  const SplitPath split = SplitProvider(call.path);
  call.provider = FindProvider(split.provider);
  const http::RequestHead& head = call.head;
  if (call.provider != nullptr) {
    call.route = FindRoute(call.provider->kind, head.method, split.rest, WantsUpgrade(head));
  }
  const bool socket = call.route.verdict == Route::Verdict::kWebSocket;
  if (socket && deps_.wire.websocket == WireSettings::WebSocket::kRefuse) {
    co_await Refuse(call, 426, "cove_no_websocket",
                    "The model gateway answers over plain HTTP: POST with \"stream\": true.");
    co_return;
  }
  if (call.route.verdict == Route::Verdict::kNotFound) {
    co_await Refuse(call, 404, "cove_no_route",
                    "The model gateway has no route " + head.method + " " + call.path +
                        ". It serves responses, chat/completions and models of providers of kind "
                        "openai, messages, count_tokens and models of kind anthropic.");
    co_return;
  }
  if (call.provider->key.empty()) {
    co_await Refuse(call, 401, "cove_no_provider_key",
                    "Cove has no key for the provider '" + call.provider->name +
                        "'. On the machine that runs Cove, " + call.provider->key_hint +
                        " and restart it. Nothing is to be set inside the sandbox.");
    co_return;
  }
  co_await (socket ? ServeSocket(call) : ServeRoute(call));
}

Task<void> Bridge::ServeRoute(InFlight& call) {
  const size_t limit = deps_.limits.request_bytes_max;
  const size_t expected = call.exchange.body().length().value_or(limit);
  if (expected > limit) {
    co_await Refuse(call, 413, "cove_request_too_large",
                    "The request is larger than " + std::to_string(limit) + " bytes.");
    co_return;
  }
  if (held_bytes_ + expected > deps_.limits.held_bytes_max) {
    co_await Refuse(call, 503, "cove_at_capacity",
                    "The model gateway holds too many requests at once; try again shortly.");
    co_return;
  }
  Share share(held_bytes_, expected);
  auto body = co_await http::ReadAll(call.exchange.body(), limit);
  if (!body) {
    const bool large = body.error().code() == Code::kTooLarge;
    co_await Refuse(call, large ? 413 : 400, "cove_bad_request",
                    "The request's body could not be read: " + body.error().message());
    co_return;
  }
  if (call.route.recorded) {
    co_await ServeRecorded(call, *std::move(body));
    co_return;
  }
  auto response = co_await SendUpstream(call, *std::move(body));
  if (!response) co_return;
  RelayOptions options;
  options.api = call.route.api;
  options.drain_time = deps_.limits.drain_time;
  options.sent_at = call.sent_at;
  auto relayed = co_await RelayAnswer(call.exchange, **response, options);
  (void)relayed;
}

Task<void> Bridge::ServeRecorded(InFlight& call, std::string body) {
  const Coding coding = CodingOf(call.head.headers);
  if (coding == Coding::kOther) {
    co_await Refuse(
        call, 415, "cove_coding",
        "The model gateway reads request bodies that are plain, gzip or zstd; send this "
        "one as one of these.");
    co_return;
  }
  std::string decoded;
  if (coding != Coding::kNone) {
    auto plain = DecodeAll(coding, body, deps_.limits.request_bytes_max);
    if (!plain) {
      const bool large = plain.error().code() == Code::kTooLarge;
      co_await Refuse(call, large ? 413 : 400, "cove_bad_request",
                      "The request's body could not be read: " + plain.error().message());
      co_return;
    }
    decoded = *std::move(plain);
  }
  Share share(held_bytes_, decoded.size());
  Judged judged;
  if (auto refused = Judge(call, coding == Coding::kNone ? body : decoded, judged)) {
    co_await Refuse(call, *std::move(refused));
    co_return;
  }
  judged.start.request_bytes = body.size();
  // What was edited goes plain; what was not goes as it came.
  if (!judged.edited.empty()) {
    body = std::move(judged.edited);
    call.head.headers.Remove("content-encoding");
  }
  decoded = {};

  auto id = co_await BeginCall(std::move(judged.start));
  if (!id) {
    co_await Refuse(call, NoRecord());
    co_return;
  }
  auto response = co_await SendUpstream(call, std::move(body));
  Relayed relayed;
  relayed.end.outcome = Outcome::kUnreachable;
  if (response) {
    RelayOptions options;
    options.api = call.route.api;
    if (judged.usage_added) options.usage_chunk = RelayOptions::UsageChunk::kHide;
    options.drain_time = deps_.limits.drain_time;
    options.sent_at = call.sent_at;
    relayed = co_await RelayAnswer(call.exchange, **response, options);
  }
  if (!relayed.cut_by.empty()) {
    log::Warn("bridge.answer_cut", {{"provider", call.provider->name}, {"error", relayed.cut_by}});
  }
  relayed.end.duration = Since(call.sent_at);
  Said said = SaidBy(std::move(judged.prompt), relayed.facts);
  said.alias = std::move(judged.alias);
  co_await EndCall(*std::move(id), std::move(relayed.end), std::move(said));
}

Task<std::optional<std::string>> Bridge::BeginCall(CallStart start) {
  auto id = co_await log_.Begin(std::move(start));
  if (id) co_return *std::move(id);
  log::Error("bridge.no_row", {{"error", id.error().message()}});
  co_return std::nullopt;
}

Task<void> Bridge::EndCall(std::string id, CallEnd end, Said said) {
  auto kept = co_await texts_.Keep(id, std::move(said));
  if (!kept) log::Error("bridge.texts_not_kept", {{"error", kept.error().message()}});
  auto finished = co_await log_.Finish(std::move(id), std::move(end));
  if (!finished) log::Error("bridge.row_not_ended", {{"error", finished.error().message()}});
}

Task<Result<std::unique_ptr<http::ClientResponse>>> Bridge::SendUpstream(InFlight& call,
                                                                         std::string body) {
  const http::RequestHead& head = call.head;
  http::ClientRequest request;
  request.method = head.method;
  request.url = call.provider->base;
  request.url.target += call.route.target;
  if (!head.RawQuery().empty()) request.url.target += "?" + std::string(head.RawQuery());
  request.headers = UpstreamHeaders(head.headers, *call.provider);
  request.body = std::move(body);
  request.head_deadline = Now() + deps_.limits.head_timeout;
  request.body_timeout = deps_.limits.body_timeout;
  call.sent_at = Now();
  auto response = co_await deps_.client->Send(std::move(request));
  if (!response) {
    const std::string origin =
        call.provider->base.scheme + "://" + call.provider->base.HostHeader();
    log::Warn("bridge.unreachable", {{"provider", call.provider->name},
                                     {"origin", origin},
                                     {"error", response.error().message()}});
    const bool late = response.error().code() == Code::kTimeout;
    co_await Refuse(call, late ? 504 : 502, "cove_provider_unreachable",
                    "Cove could not reach the provider '" + call.provider->name + "' at " + origin +
                        " (" + response.error().message() +
                        "). Check the machine's network and ai.providers." + call.provider->name +
                        ".base_url, then try again.");
  }
  co_return std::move(response);
}

}  // namespace cove::bridge
