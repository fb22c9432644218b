// Bedrock's paths and names of models. Anthropic's models are called there with the Messages body,
// but their name stands in the path: as an id ("anthropic.claude-haiku-4-5-20251001-v1:0"), as one
// with the place of an inference profile before it ("us.…", "global.…"), or as an ARN of either or
// of something whose model only its account knows.
// Sources: InvokeModel, InvokeModelWithResponseStream and CountTokens in the reference of Bedrock's
// runtime API; "Supported Regions and models for inference profiles" in its user guide.
// Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bridge/provider_error.h"
#include "json/json.h"

namespace cove::bridge {

enum class BedrockVerb { kInvoke, kInvokeStream, kCountTokens };

struct BedrockCall {
  std::string model;  // decoded
  BedrockVerb verb = BedrockVerb::kInvoke;
};

// "/model/{model}/{verb}", nothing else. A model's name is of letters, digits and ". _ : / -", the
// slash only in an ARN and only as %2F.
std::optional<BedrockCall> ParseBedrockPath(std::string_view path);
// What such a path asks for that the gateway does not speak, as AWS names it ("Converse"); empty:
// it is no operation of the runtime API, or one that is served.
std::string_view UnservedOperation(std::string_view path);
// The path as AWS's own clients write it: what is judged is what is sent.
std::string BedrockPath(const BedrockCall& call);

// What the models and their prices are known by: "claude-haiku-4-5-20251001". Empty: it is no name
// of Bedrock's, or what it stands for cannot be told.
std::string PlainModel(std::string_view id);
// Of a global inference profile, which is cheaper than the others.
bool IsGlobalProfile(std::string_view id);
// An ARN whose model only its account knows: an application's profile, what was bought or trained.
bool IsOpaqueModel(std::string_view id);

// Makes of a request what the Messages API would have got, for those who judge it. The body of a
// count-tokens is unwrapped. Why it cannot be, or nothing.
std::optional<ProviderError> ReadBedrockRequest(const BedrockCall& call, json::Object& request);

}  // namespace cove::bridge
