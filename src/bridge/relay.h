// Relay: a provider's answer goes to the agent byte for byte while a copy is read.
// Thread: loop-confined.
#pragma once

#include "bridge/answer_reader.h"
#include "bridge/call_log.h"
#include "http/client.h"
#include "http/server.h"

namespace cove::bridge {

struct RelayOptions {
  Api api = Api::kModels;
  // Takes out of a stream the chunk that tells the usage: the gateway asked for it, not the agent.
  enum class UsageChunk { kPass, kHide } usage_chunk = UsageChunk::kPass;
  Duration drain_time = seconds(60);  // how long the rest is read for once the agent has gone
  // And up to where: a tape needs the answer to its end, which may come after its last word.
  enum class Rest { kToLastWord, kToEnd } rest = Rest::kToLastWord;
  TimePoint sent_at{};  // when the call was given to the provider
};

struct Relayed {
  CallEnd end;         // without the duration
  std::string cut_by;  // what broke the answer off; empty: nothing did
  AnswerFacts facts;
};

// How a call ended of which the whole answer has come and been passed on.
Outcome OutcomeOf(int status, const AnswerFacts& facts);

// An agent that goes away does not end it: the provider charges for what it says whether or not
// anyone listens, so the rest is read for the options' time.
class Relay {
 public:
  Relay(std::unique_ptr<http::ClientResponse> response, RelayOptions options);
  ~Relay();
  Relay(const Relay&) = delete;

  // The exchange outlives the task. Once; it also ends by being destroyed, then Drain() may go on.
  Task<void> Pass(http::Exchange& exchange);
  // Reads the rest for the books alone.
  Task<void> Drain();
  // Whether nothing is left to be read.
  bool over() const { return over_; }
  // Once, at the end.
  Relayed Take();

 private:
  class Copy;
  Task<void> PassShort(http::Exchange& exchange, http::ResponseHead head);
  Task<void> PassOn(http::Exchange& exchange, http::ResponseHead head);
  std::string_view OnPiece(const Result<size_t>& got);

  const std::unique_ptr<http::ClientResponse> response_;
  const RelayOptions options_;
  std::unique_ptr<Copy> copy_;
  Relayed out_;
  bool over_ = false;
  std::vector<char> piece_;
};

}  // namespace cove::bridge
