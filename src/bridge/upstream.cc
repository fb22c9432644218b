#include "bridge/upstream.h"

#include <algorithm>

#include "bridge/headers.h"
#include "bridge/request_hash.h"
#include "bridge/retry_after.h"
#include "bridge/sigv4.h"
#include "log/log.h"

namespace cove::bridge {
namespace {

using async::Task;

constexpr size_t kIdleMax = 1024;  // connections to one provider that wait for the next call
constexpr Duration kConnectAgain = milliseconds(100);
constexpr Duration kRestAfterLimit = seconds(10);  // where a 429 does not say
constexpr Duration kRestAfterRefusal = seconds(60);
constexpr Duration kRestMax = seconds(300);

// 529 is Anthropic's "overloaded".
bool RefusedForNow(int status) { return status == 429 || status == 503 || status == 529; }
bool RefusedKey(int status) { return status == 401 || status == 403 || status == 429; }

bool UsesAgentCredentials(const Provider& provider, const http::RequestHead& agent,
                          Outgoing::From from) {
  return provider.credentials == Credentials::kAgentFirst && from == Outgoing::From::kSandbox &&
         HasCredentials(agent.headers);
}

// The agent chose whom to give its key: it goes to no fall-back.
bool UsesAgentCredentials(const Provider& provider, const Outgoing& call) {
  return &provider == call.provider && UsesAgentCredentials(provider, *call.agent, call.from);
}

ProviderError Unreachable(const Provider& provider, const Error& error) {
  const std::string origin = provider.base.scheme + "://" + provider.base.HostHeader();
  log::Warn("bridge.unreachable",
            {{"provider", provider.name}, {"origin", origin}, {"error", error.message()}});
  ProviderError out;
  out.status = error.code() == Code::kTimeout ? 504 : 502;
  out.code = "cove_provider_unreachable";
  out.message = "Cove could not reach the provider '" + provider.name + "' at " + origin + " (" +
                error.message() + "). Check the machine's network and ai.providers." +
                provider.name + ".base_url, then try again.";
  return out;
}

ProviderError Resting(const Provider& provider, Duration wait) {
  ProviderError out;
  out.status = 503;
  out.code = "cove_provider_resting";
  out.retry_after = std::chrono::ceil<seconds>(wait);
  out.message = "The provider '" + provider.name +
                "' refused several calls in a row, so Cove leaves it alone for a while. Try again "
                "in " +
                std::to_string(out.retry_after->count()) + " s.";
  return out;
}

// Of one whose keys stand in files.
ProviderError WithoutKey(const Provider& provider, bool some) {
  ProviderError out;
  out.status = some ? 503 : 401;
  out.code = some ? "cove_key_expired" : "cove_no_provider_key";
  out.message = "Cove has no key for the provider '" + provider.name + "'" +
                (some ? " that is still in force" : "") + ". On the machine that runs Cove, " +
                provider.key_hint + ": it is read at the next call.";
  log::Warn("bridge.key_missing", {{"provider", provider.name}, {"code", out.code}});
  return out;
}

ProviderError AgentGone() {
  ProviderError out;
  out.status = 499;  // as proxies note it; nobody is left to read it
  out.code = "cove_agent_gone";
  out.message = "Cove did not try this call again: who asked for it went away.";
  return out;
}

RecordedCall Describe(const Outgoing& call) {
  const ProviderKind kind = call.provider->kind;
  RecordedCall out;
  out.kind = KindName(kind);
  out.method = call.agent->method;
  out.path = call.path;
  out.hash = call.asked;
  out.model = call.model;
  return out;
}

}  // namespace

struct Upstream::Tried {
  std::unique_ptr<http::ClientResponse> response;
  std::optional<Error> error;       // why there is none
  std::optional<Duration> resting;  // the breaker's word, without a try
  std::string key_hint;
  // The agent went away before another try: the status of this one.
  std::optional<int> left_at;
  bool without_key = false;  // no key is in force: nothing was tried

  static Tried WithoutKey() {
    Tried out;
    out.without_key = true;
    return out;
  }
  int status() const { return response == nullptr ? 0 : response->head().status; }
  bool nothing_done() const {
    if (response != nullptr) return RefusedForNow(status());
    return resting || without_key || error->code() == kNothingSent;
  }
  // How long to wait before the same is tried again; nothing: it must not be, or not soon.
  std::optional<Duration> again_after() const {
    if (!nothing_done() || resting || without_key) return std::nullopt;
    if (response == nullptr) return kConnectAgain;
    const auto wait = RetryAfter(response->head(), WallNow());
    return wait && *wait <= kRetryWaitMax ? wait : std::nullopt;
  }
};

Upstream::Upstream(std::vector<Provider> providers, async::ThreadPool& pool,
                   std::unique_ptr<Tape> tape, BreakerSettings breaker)
    : providers_(std::move(providers)), tape_(std::move(tape)) {
  auto trust = std::make_shared<SystemTrust>();
  for (const Provider& provider : providers_) {
    lines_.push_back({&provider, MakeClient(provider, pool, trust, kIdleMax),
                      std::make_unique<KeySource>(provider, pool), Breakers(breaker)});
  }
}

const Upstream::Line& Upstream::LineOf(const Provider& provider) const {
  return lines_[static_cast<size_t>(&provider - providers_.data())];
}
Upstream::Line& Upstream::LineOf(const Provider& provider) {
  return lines_[static_cast<size_t>(&provider - providers_.data())];
}

std::optional<ProviderError> Upstream::WhyNot(const Provider& provider,
                                              const http::RequestHead& agent,
                                              Outgoing::From from) const {
  const bool own = UsesAgentCredentials(provider, agent, from);
  // Those in files may have come since.
  const bool keys = !LineOf(provider).keys->keys()->empty() || !provider.key_files.empty();
  if (replays() || keys || own) return std::nullopt;
  ProviderError out;
  out.status = 401;
  out.code = "cove_no_provider_key";
  out.message = "Cove has no key for the provider '" + provider.name +
                "'. On the machine that runs Cove, " + provider.key_hint + " and restart it.";
  out.message += provider.credentials == Credentials::kAgentFirst
                     ? " A call from a sandbox may also bring a key of its own."
                     : " Nothing is to be set inside the sandbox.";
  return out;
}

std::vector<std::string> Upstream::FallbacksOf(const Provider& provider) const {
  std::vector<std::string> out;
  const Provider* at = &provider;
  // LoadProviders() lets no chain come back to where it was.
  while (!replays() && !at->fallback.empty() && (at = Find(at->fallback)) != nullptr) {
    out.push_back(at->name);
  }
  return out;
}

Task<Upstream::Tried> Upstream::SendOnce(Line& line, const Outgoing& call, const ProviderKey* key) {
  const Provider& provider = *line.provider;
  http::ClientRequest request;
  request.method = call.agent->method;
  request.url = provider.base;
  request.url.target += key == nullptr ? call.target : WithoutCredentials(call.target);
  request.headers = UpstreamHeaders(call.agent->headers, provider, key);
  for (const auto& [name, value] : call.handshake) request.headers.Set(name, value);
  request.body = call.body;
  if (key != nullptr && !key->access_key_id.empty()) {
    SignForAws(request, *key, {provider.region, "bedrock"}, WallNow());
  }
  request.head_deadline = Now() + provider.timeouts.head;
  request.body_timeout = provider.timeouts.body;
  // An agent's Idempotency-Key may mean nothing to the provider, which charges for each.
  request.once = request.method != "GET";
  Tried out;
  if (key != nullptr) out.key_hint = key->hint;
  auto response = co_await line.client->Send(std::move(request));
  if (response) {
    out.response = *std::move(response);
  } else {
    out.error = std::move(response).error();
  }
  co_return out;
}

Task<Upstream::Tried> Upstream::TryKeys(Line& line, const Outgoing& call, AgentWatch& watch) {
  const Provider& provider = *line.provider;
  if (UsesAgentCredentials(provider, call)) {
    co_return co_await SendOnce(line, call, nullptr);
  }
  if (line.keys->due(Now())) co_await line.keys->Renew();
  const KeySource::Keys keys = line.keys->keys();
  const std::vector<size_t> order = line.keys->Order(Now(), WallNow());
  if (order.empty()) co_return Tried::WithoutKey();
  for (size_t i = 0;; ++i) {
    const size_t place = order[i];
    Tried tried = co_await SendOnce(line, call, &(*keys)[place]);
    const int status = tried.status();
    if (!RefusedKey(status)) {
      if (status != 0) line.keys->Wake(keys, place);
      co_return tried;
    }
    const Duration rest =
        status == 429 ? RetryAfter(tried.response->head(), WallNow()).value_or(kRestAfterLimit)
                      : kRestAfterRefusal;
    line.keys->Rest(keys, place, Now() + std::min(rest, kRestMax));
    log::Warn("bridge.key_refused",
              {{"provider", provider.name}, {"key", tried.key_hint}, {"status", status}});
    if (i + 1 == order.size()) co_return tried;
    if (co_await watch.Wait(Now())) continue;
    tried.left_at = status;
    co_return tried;
  }
}

Task<Upstream::Tried> Upstream::TryProvider(Line& line, const Outgoing& call, AgentWatch& watch) {
  // What the provider refuses to an agent's own key says nothing to all the others.
  if (UsesAgentCredentials(*line.provider, call)) co_return co_await TryAgain(line, call, watch);
  Breakers::Pass pass(line.breakers, call.model);
  if (const auto wait = pass.Enter(Now())) {
    Tried out;
    out.resting = wait;
    co_return out;
  }
  Tried tried = co_await TryAgain(line, call, watch);
  if (tried.left_at) co_return tried;
  const int status = tried.status();
  if (RefusedForNow(status) || status == 504 || tried.error) {
    pass.Failed(Now());
  } else if (!tried.without_key && status != 500 && status != 502) {
    pass.Succeeded();
  }
  co_return tried;
}

Task<Upstream::Tried> Upstream::TryAgain(Line& line, const Outgoing& call, AgentWatch& watch) {
  for (int left = line.provider->retries;; --left) {
    Tried tried = co_await TryKeys(line, call, watch);
    const auto wait = left > 0 && !tried.left_at ? tried.again_after() : std::nullopt;
    if (!wait) co_return tried;
    const int status = tried.status();
    tried.response.reset();
    if (!co_await watch.Wait(Now() + *wait)) {
      tried.left_at = status;
      co_return tried;
    }
    log::Info("bridge.again", {{"provider", line.provider->name}, {"status", status}});
  }
}

Task<const Provider*> Upstream::NextAfter(const Provider& provider, const Outgoing& call) {
  const Provider* next = &provider;
  while (!next->fallback.empty() && (next = Find(next->fallback)) != nullptr) {
    KeySource& keys = *LineOf(*next).keys;
    if (keys.due(Now())) co_await keys.Renew();
    if (!keys.Order(Now(), WallNow()).empty()) co_return next;
    log::Warn("bridge.fallback_without_key", {{"provider", next->name}});
  }
  co_return nullptr;
}

Sent Upstream::Replay(const Outgoing& call) {
  Sent out;
  out.provider = call.provider;
  out.response = tape_->Play(call.caller, Describe(call));
  if (out.response != nullptr) return out;
  out.refusal.status = 400;
  out.refusal.code = "cove_not_on_cassette";
  out.refusal.message = "Cove answers from a cassette (ai.mode is \"replay\"), and that has no " +
                        std::string(
                            "answer to this call. Record it again with what the agent asks "
                            "now, or replay in order (ai.cassette_match).");
  return out;
}

std::unique_ptr<http::ClientResponse> Upstream::OnTape(const Outgoing& call, Sent& sent) {
  std::vector<Secret> secrets;
  for (const Line& line : lines_) {
    for (const ProviderKey& key : *line.keys->keys()) {
      secrets.push_back(key.secret);
      secrets.push_back(key.session_token);
    }
    for (const auto& [name, value] : line.provider->headers) secrets.emplace_back(value);
  }
  for (const auto& [name, value] : call.agent->headers) {
    if (IsCredential(name)) secrets.emplace_back(value.substr(value.rfind(' ') + 1));
  }
  return tape_->Record(std::move(sent.response), Describe(call), std::move(secrets));
}

Task<Sent> Upstream::Send(Outgoing call) {
  if (replays()) co_return Replay(call);
  Sent out;
  const Provider* at = call.provider;
  AgentWatch watch(std::move(call.gone));
  for (;;) {
    Tried tried = co_await TryProvider(LineOf(*at), call, watch);
    out.provider = at;
    out.key_hint = std::move(tried.key_hint);
    const Provider* next = nullptr;
    if (!tried.left_at && tried.nothing_done()) next = co_await NextAfter(*at, call);
    const bool go_on = next != nullptr;
    if (go_on && !co_await watch.Wait(Now())) tried.left_at = tried.status();
    if (tried.left_at) {
      out.refusal = AgentGone();
      out.last_status = *tried.left_at;
      co_return out;
    }
    if (go_on) {
      if (!tried.resting)
        log::Warn("bridge.fallback",
                  {{"provider", at->name}, {"to", next->name}, {"status", tried.status()}});
      at = next;
      continue;
    }
    if (tried.resting) {
      out.refusal = Resting(*at, *tried.resting);
    } else if (tried.without_key) {
      out.refusal = WithoutKey(*at, !LineOf(*at).keys->keys()->empty());
    } else if (tried.error) {
      out.refusal = Unreachable(*at, *tried.error);
      out.nothing_done = tried.nothing_done();
    } else {
      out.response = std::move(tried.response);
      if (tape_ != nullptr) out.response = OnTape(call, out);
    }
    co_return out;
  }
}

}  // namespace cove::bridge
