#include "bridge/bridge.h"

#include <array>

#include "bridge/ask.h"
#include "bridge/fetched_urls.h"
#include "bridge/provider_error.h"
#include "json/json.h"
#include "log/log.h"

namespace cove::bridge {

namespace {

constexpr size_t kPieceBytes = 16 * 1024;

microseconds Since(TimePoint start) {
  return std::chrono::duration_cast<microseconds>(Now() - start);
}

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

// References: the exchange outlives Serve, the provider is the bridge's own.
struct Bridge::InFlight {
  Caller caller;
  http::Exchange& exchange;
  std::string path;
  const Provider* provider = nullptr;
  Route route;
  TimePoint sent_at{};  // when the call was given to the provider
};

Bridge::Bridge(Deps deps) : deps_(std::move(deps)) {}

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
  http::ResponseHead head = ErrorHead(error);
  std::string body = ErrorBody(kind, error);
  // If the agent is gone there is nobody to tell.
  auto sent = co_await call.exchange.Respond(std::move(head), std::move(body));
  (void)sent;
}

Task<void> Bridge::Serve(Caller caller, http::Exchange& exchange, std::string path) {
  InFlight call{std::move(caller), exchange, std::move(path)};
  const SplitPath split = SplitProvider(call.path);
  call.provider = FindProvider(split.provider);
  const http::RequestHead& head = exchange.request();
  if (call.provider != nullptr) {
    call.route = FindRoute(call.provider->kind, head.method, split.rest, WantsUpgrade(head));
  }
  if (call.route.verdict == Route::Verdict::kUpgradeRequired) {
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
  co_await ServeRoute(call);
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
  if (response) {
    CallEnd end = co_await Relay(call, **response);
    (void)end;
  }
}

std::optional<std::string> Bridge::ForbiddenUrl(const InFlight& call,
                                                const json::Object& request) const {
  if (!deps_.may_reach || call.caller.sandbox.value.empty()) return std::nullopt;
  for (std::string& text : FetchedUrls(request)) {
    const auto url = http::Url::Parse(text);
    if (!url || !deps_.may_reach(call.caller.sandbox, *url)) return std::move(text);
  }
  return std::nullopt;
}

Task<void> Bridge::ServeRecorded(InFlight& call, std::string body) {
  auto parsed = json::ParseObject(body);
  if (!parsed) {
    co_await Refuse(call, 400, "cove_bad_request",
                    "The request's body is not a JSON object: " + parsed.error().message());
    co_return;
  }
  if (json::GetBool(*parsed, "background").value_or(false)) {
    co_await Refuse(call, 501, "cove_no_background",
                    "\"background\": true is not possible through the gateway, because its result "
                    "would be fetched by a call that nobody is charged for. Leave it out.");
    co_return;
  }
  if (const auto url = ForbiddenUrl(call, *parsed)) {
    log::Warn("bridge.url_refused", {{"sandbox", call.caller.sandbox.value}});
    co_await Refuse(call, 403, "cove_url_not_allowed",
                    "The request names " + *url +
                        " for the provider to fetch, which no rule of this sandbox allows. Ask "
                        "the operator for a rule, or send the content itself.");
    co_return;
  }
  AgentNames names = ReadAgentNames(call.exchange.request().headers);
  CallStart start;
  start.org = call.caller.org;
  start.sandbox = call.caller.sandbox;
  start.user = call.caller.user;
  start.template_name = call.caller.template_name;
  start.key_id = call.caller.key_id;
  start.token_id = call.caller.token_id;
  start.provider = call.provider->name;
  start.api = ApiName(call.route.api);
  start.model = json::GetString(*parsed, "model").value_or("");
  start.stream = json::GetBool(*parsed, "stream").value_or(false);
  start.client = std::move(names.client);
  start.session = std::move(names.session);
  start.thread = std::move(names.thread);
  start.turn = std::move(names.turn);
  start.request_bytes = body.size();
  start.ask = ReadAsk(call.route.api, *parsed);
  parsed = Error(Code::kGone, "");  // the tree of a long conversation is large: not held on

  auto admitted = co_await deps_.books->Admit(std::move(start));
  if (auto* refused = std::get_if<ProviderError>(&admitted)) {
    co_await Refuse(call, std::move(*refused));
    co_return;
  }
  auto response = co_await SendUpstream(call, std::move(body));
  CallEnd end;
  end.outcome = Outcome::kUnreachable;
  if (response) end = co_await Relay(call, **response);
  end.duration = Since(call.sent_at);
  auto finished =
      co_await deps_.books->Finish(std::move(std::get<Ticket>(admitted)), std::move(end));
  if (!finished) log::Error("bridge.row_not_ended", {{"error", finished.error().message()}});
}

Task<Result<std::unique_ptr<http::ClientResponse>>> Bridge::SendUpstream(InFlight& call,
                                                                         std::string body) {
  const http::RequestHead& head = call.exchange.request();
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

Task<CallEnd> Bridge::Relay(InFlight& call, http::ClientResponse& response) {
  CallEnd end;
  end.status = response.head().status;
  end.request_id = ProviderRequestId(response.head().headers);
  http::ResponseHead head;
  head.status = end.status;
  head.headers = DownstreamHeaders(response.head().headers);
  const std::string type(head.headers.Get("content-type").value_or(""));
  const bool readable = !head.headers.Has("content-encoding");
  UsageReader reader(call.route.api, readable ? FormOf(type) : AnswerForm::kOther);

  auto started = co_await call.exchange.StartResponse(std::move(head));
  http::BodyWriter* writer = started ? *started : nullptr;
  TimePoint drain_until = kNever;
  end.outcome = end.status < 400 ? Outcome::kCompleted : Outcome::kRejected;
  std::array<char, kPieceBytes> piece;
  for (;;) {
    if (writer == nullptr) {
      // The agent has gone, but the provider charges for what it says: hear it out, within limits.
      end.outcome = Outcome::kClientGone;
      if (drain_until == kNever) drain_until = Now() + deps_.limits.drain_time;
      if (Now() >= drain_until || reader.complete()) break;
    }
    auto got = co_await response.body().Read(piece);
    if (!got) {
      if (writer != nullptr) end.outcome = Outcome::kBroken;
      log::Warn("bridge.answer_cut",
                {{"provider", call.provider->name}, {"error", got.error().message()}});
      break;
    }
    if (*got == 0) {
      // A writer that is not finished breaks the connection: a cut answer never looks whole.
      if (writer != nullptr && !(co_await writer->Finish())) end.outcome = Outcome::kClientGone;
      break;
    }
    const std::string_view bytes(piece.data(), *got);
    if (!end.first_byte) end.first_byte = Since(call.sent_at);
    end.response_bytes += bytes.size();
    if (writer != nullptr && !(co_await writer->Write(bytes))) writer = nullptr;
    reader.Feed(bytes);
  }
  reader.Finish();
  end.usage = reader.usage();
  end.response_id = reader.response_id();
  co_return end;
}

}  // namespace cove::bridge
