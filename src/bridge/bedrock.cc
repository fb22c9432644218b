#include "bridge/bedrock.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "codec/base64.h"

namespace cove::bridge {
namespace {

constexpr std::string_view kModels = "/model/";
constexpr std::string_view kArn = "arn:";
constexpr std::string_view kGlobal = "global.";
constexpr std::string_view kVendor = "anthropic.";
constexpr size_t kModelBytesMax = 2048;  // of an ARN, by the reference

struct Verb {
  BedrockVerb verb;
  std::string_view name;
};
constexpr Verb kVerbs[] = {{BedrockVerb::kInvoke, "invoke"},
                           {BedrockVerb::kInvokeStream, "invoke-with-response-stream"},
                           {BedrockVerb::kCountTokens, "count-tokens"}};

struct Unserved {
  std::string_view begins;
  std::string_view ends;
  std::string_view name;
};
constexpr Unserved kUnserved[] = {
    {kModels, "/converse", "Converse"},
    {kModels, "/converse-stream", "ConverseStream"},
    {kModels, "/invoke-with-bidirectional-stream", "InvokeModelWithBidirectionalStream"},
    {"/async-invoke", "", "StartAsyncInvoke"},
    {"/guardrail/", "/apply", "ApplyGuardrail"}};

// The kinds of resource in an ARN that name the model itself.
constexpr std::array<std::string_view, 2> kTellingResources = {"foundation-model",
                                                               "inference-profile"};

bool IsModelId(std::string_view id) {
  const bool letters = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:/-").find(c) != std::string_view::npos;
  });
  if (id.empty() || id.size() > kModelBytesMax || !letters) return false;
  const bool arn = id.starts_with(kArn);
  const auto parts = Split(id, '/');
  if (!arn && parts.size() > 1) return false;
  return std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

// What stands after the kind of resource, or the id itself. Empty: an ARN of another kind.
std::string_view NameIn(std::string_view id) {
  if (!id.starts_with(kArn)) return id;
  const size_t slash = id.find('/');
  if (slash == id.npos) return {};
  const std::string_view resource = id.substr(0, slash);
  const std::string_view kind = resource.substr(resource.rfind(':') + 1);
  const bool tells = std::find(kTellingResources.begin(), kTellingResources.end(), kind) !=
                     kTellingResources.end();
  return tells ? id.substr(slash + 1) : std::string_view();
}

// "-v1:0", "-v1" or ":0" at the end say which build of a model.
std::string_view WithoutBuild(std::string_view name) {
  const auto digits = [](std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  const size_t colon = name.rfind(':');
  if (colon != name.npos && digits(name.substr(colon + 1))) name = name.substr(0, colon);
  const size_t dash = name.rfind("-v");
  if (dash != name.npos && digits(name.substr(dash + 2))) name = name.substr(0, dash);
  return name;
}

ProviderError Refusal(std::string message, int status = 400) {
  ProviderError out;
  out.status = status;
  out.code = status == 501 ? "cove_not_served" : "cove_bad_request";
  out.message = std::move(message);
  return out;
}

}  // namespace

std::optional<BedrockCall> ParseBedrockPath(std::string_view path) {
  if (!path.starts_with(kModels)) return std::nullopt;
  path.remove_prefix(kModels.size());
  const size_t slash = path.find('/');
  if (slash == path.npos) return std::nullopt;
  auto model = PercentDecode(path.substr(0, slash));
  if (!model || !IsModelId(*model)) return std::nullopt;
  for (const Verb& verb : kVerbs) {
    if (path.substr(slash + 1) == verb.name) return BedrockCall{*std::move(model), verb.verb};
  }
  return std::nullopt;
}

std::string_view UnservedOperation(std::string_view path) {
  for (const Unserved& one : kUnserved) {
    if (path.starts_with(one.begins) && path.ends_with(one.ends)) return one.name;
  }
  return {};
}

std::string BedrockPath(const BedrockCall& call) {
  const auto verb = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                 [&](const Verb& one) { return one.verb == call.verb; });
  return std::string(kModels) + PercentEncode(call.model) + "/" + std::string(verb->name);
}

std::string PlainModel(std::string_view id) {
  std::string_view name = NameIn(id);
  // "us.", "us-gov.", "apac.": the list of places grows.
  const size_t vendor = name.find(kVendor);
  if (vendor == name.npos) return {};
  const std::string_view place = name.substr(0, vendor);
  const bool whole = place.empty() || place.find('.') == place.size() - 1;
  return whole ? std::string(WithoutBuild(name.substr(vendor + kVendor.size()))) : "";
}

bool IsGlobalProfile(std::string_view id) { return NameIn(id).starts_with(kGlobal); }

bool IsOpaqueModel(std::string_view id) { return id.starts_with(kArn) && NameIn(id).empty(); }

std::optional<ProviderError> ReadBedrockRequest(const BedrockCall& call, json::Object& request) {
  if (call.verb == BedrockVerb::kCountTokens) {
    const json::Object* input = json::GetObject(request, "input");
    const json::Object* invoke =
        input == nullptr ? nullptr : json::GetObject(*input, "invokeModel");
    const auto body =
        invoke == nullptr || input->size() != 1 ? std::nullopt : json::GetString(*invoke, "body");
    const auto bytes = body ? codec::DecodeBase64(*body) : std::nullopt;
    auto inner =
        bytes ? json::ParseObject(*bytes) : Result<json::Object>(Error(Code::kInvalid, ""));
    if (!inner) {
      return Refusal(
          "The model gateway counts the tokens of what invoke would get: {\"input\": "
          "{\"invokeModel\": {\"body\": a Messages request in base64}}}.");
    }
    request = *std::move(inner);
  }
  if (!json::GetString(request, "anthropic_version")) {
    if (PlainModel(call.model).empty() && !IsOpaqueModel(call.model)) {
      return Refusal("The model gateway does not serve '" + call.model +
                         "': on Bedrock it speaks with Anthropic's models only, because it could "
                         "neither judge nor count what the bodies of other vendors say.",
                     501);
    }
    return Refusal(
        "The model gateway speaks with Anthropic's models on Bedrock only: the body must be a "
        "Messages request with \"anthropic_version\".");
  }
  if (json::Find(request, "model") != nullptr) {
    return Refusal("With Bedrock the model stands in the path; leave \"model\" out of the body.");
  }
  request["model"] = call.model;
  request["stream"] = call.verb == BedrockVerb::kInvokeStream;
  return std::nullopt;
}

}  // namespace cove::bridge
