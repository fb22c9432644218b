// Upstream: one model call on its way to a provider, until its answer begins.
//
// What it may try, all of it before a byte of an answer has gone to the agent:
// - the next key, where the provider refused one (401, 403, 429);
// - the same again, up to Provider::retries times, where nothing was done: no connection came
//   about, or the provider refused with 429, 503 or 529 and said when to come back (Retry-After, at
//   most kRetryWaitMax);
// - the fall-back, where the provider could not be reached, refused all that, or is left alone by
//   its breaker. One without a key is passed over; with none left the agent gets the answer it had.
// A call whose bytes may have arrived is never sent again: it may have been charged. Nor is one
// whose agent has gone away since: it is watched from the first try on that was in vain.
// With a tape that replays nothing is sent at all.
// Thread: loop-confined. The pool must outlive the object, and the object its responses.
#pragma once

#include <variant>

#include "bridge/agent_watch.h"
#include "bridge/breaker.h"
#include "bridge/dial.h"
#include "bridge/key_source.h"
#include "bridge/provider_error.h"
#include "bridge/routes.h"
#include "bridge/tape.h"

namespace cove::bridge {

inline constexpr Duration kRetryWaitMax = seconds(5);

struct Outgoing {
  const Provider* provider = nullptr;        // one of the Upstream's
  std::string path;                          // as the agent sees it: "/v1/responses"
  std::string target;                        // of the route at the provider, with the query
  const http::RequestHead* agent = nullptr;  // what it sent; must outlive the call
  std::string body;
  http::Headers handshake;  // of a WebSocket; the answer's connection is then the caller's
  std::string model;        // each has a breaker of its own
  std::string asked;        // RequestHash() of what the agent asked; while there is a tape
  std::string caller;       // who replays, when answers are replayed in their order
  // Whether the agent's own credentials may be passed on: never those of a client outside, which
  // are Cove's.
  enum class From { kSandbox, kOutside } from = From::kSandbox;
  Gone gone;  // empty: whoever asked does not go away
};

// Either a response or a refusal in Cove's words.
struct Sent {
  std::unique_ptr<http::ClientResponse> response;
  ProviderError refusal;
  const Provider* provider = nullptr;  // who answered
  std::string key_hint;                // with which key; empty: the agent's own
  // Of a refusal: the provider has certainly done nothing.
  bool nothing_done = true;
  // Of a refusal because the agent has gone: what the last try was answered with; 0: nothing.
  int last_status = 0;
};

class Upstream {
 public:
  // `tape` may be null.
  Upstream(std::vector<Provider> providers, async::ThreadPool& pool,
           std::unique_ptr<Tape> tape = nullptr, BreakerSettings breaker = {});

  const std::vector<Provider>& providers() const { return providers_; }
  const Provider* Find(std::string_view name) const { return FindProvider(providers_, name); }
  // Why no call of this agent can be answered: the provider has no key. Nothing: it can.
  std::optional<ProviderError> WhyNot(const Provider& provider, const http::RequestHead& agent,
                                      Outgoing::From from) const;
  // The client that goes the provider's way.
  http::Client& ClientOf(const Provider& provider) { return *LineOf(provider).client; }

  // The others that may answer in its place, in their order.
  std::vector<std::string> FallbacksOf(const Provider& provider) const;

  // Whether answers come from a cassette or go onto one: whole answers only.
  bool on_tape() const { return tape_ != nullptr; }

  async::Task<Sent> Send(Outgoing call);

 private:
  // What belongs to one provider.
  struct Line {
    const Provider* provider;
    std::unique_ptr<http::Client> client;
    std::unique_ptr<KeySource> keys;
    Breakers breakers;
  };
  struct Tried;
  bool replays() const { return tape_ != nullptr && tape_->replays(); }
  Sent Replay(const Outgoing& call);
  std::unique_ptr<http::ClientResponse> OnTape(const Outgoing& call, Sent& sent);
  const Line& LineOf(const Provider& provider) const;
  Line& LineOf(const Provider& provider);
  async::Task<Tried> SendOnce(Line& line, const Outgoing& call, const ProviderKey* key);
  async::Task<Tried> TryKeys(Line& line, const Outgoing& call, AgentWatch& watch);
  // The same, up to Provider::retries times more.
  async::Task<Tried> TryAgain(Line& line, const Outgoing& call, AgentWatch& watch);
  // The first of the provider's fall-backs that has what to call it with; null: none.
  async::Task<const Provider*> NextAfter(const Provider& provider, const Outgoing& call);
  async::Task<Tried> TryProvider(Line& line, const Outgoing& call, AgentWatch& watch);

  std::vector<Provider> providers_;
  std::vector<Line> lines_;  // in the order of providers_
  std::unique_ptr<Tape> tape_;
};

}  // namespace cove::bridge
