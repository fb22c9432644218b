// RelayAnswer: a provider's answer goes to the agent byte for byte while a copy is read.
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
  TimePoint sent_at{};                // when the call was given to the provider
};

struct Relayed {
  CallEnd end;         // without the duration
  std::string cut_by;  // what broke the answer off; empty: nothing did
  AnswerFacts facts;
};

// An agent that goes away does not end it: the provider charges for what it says whether or not
// anyone listens, so the rest is read for the options' time. Both references outlive the task.
Task<Relayed> RelayAnswer(http::Exchange& exchange, http::ClientResponse& response,
                          RelayOptions options);

}  // namespace cove::bridge
