// Routes: the exact table of what the model gateway serves. Pure functions.
//
// The list is short on purpose: a provider's key may be able to do much more (files, keys of an
// organisation), and none of that is for an agent.
#pragma once

#include <string>
#include <string_view>

#include "bridge/bedrock.h"

namespace cove::bridge {

enum class Api {
  kResponses,
  kChatCompletions,
  kMessages,
  kCountTokens,
  kModels,
};
std::string_view ApiName(Api api);

struct Route {
  enum class Verdict {
    kForward,    // to the provider
    kWebSocket,  // to the provider, message by message
    kNotServed,  // the provider has it, the gateway does not speak it
    kNotFound,
  };
  Verdict verdict = Verdict::kNotFound;
  Api api = Api::kModels;
  bool recorded = false;  // a call that costs: it gets a row and its body is looked into
  std::string target;     // kForward: the path at the provider, after the base's
  std::optional<BedrockCall> bedrock;  // what the path says there
  std::string_view operation;          // kNotServed: the provider's name for it
};

// `path` is what follows the provider's name ("/v1/responses"), without the query. `upgrade`:
// the request asks for a WebSocket.
enum class Upgrade { kNo, kYes };
Route FindRoute(ProviderKind kind, std::string_view method, std::string_view path, Upgrade upgrade);

}  // namespace cove::bridge
