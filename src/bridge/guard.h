// Guard: which models, hosted tools and parameters an agent may use, as [ai.guard] or a policy
// says. It judges a request as it was parsed; it changes nothing.
//
// A hosted tool is one that the provider runs: what it reaches is not the sandbox's to reach, so
// it is a way around the sandbox's policy. Tools that the agent runs itself are of no concern here:
// what they do passes the sandbox's own door.
// A model of Bedrock's is known by its plain name (bedrock.h) as well as by the one in the request;
// one of which only its account knows what it is passes where `models` names it, or no rule is
// about models. A name with blanks or characters that are not ASCII is none that any rule allows.
// Sources: the tool types in OpenAI's Responses and Chat Completions references and in Anthropic's
// Messages reference. Thread: values and pure functions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/provider_error.h"
#include "bridge/tool_kinds.h"
#include "json/json.h"

namespace cove::bridge {

struct GuardRules {
  std::vector<std::string> models;       // patterns with '*'; none: every model
  std::vector<std::string> deny_models;  // wins; in upper or lower case
  // Of kHostedTools, or the type of a tool that this table does not know. Absent: every one.
  std::optional<std::vector<std::string>> hosted_tools;
  // "store", "reasoning.effort" or "service_tier=priority": fields that must not be there, or not
  // with that value.
  std::vector<std::string> deny_parameters;
};

// Who says so and where, for the text of a refusal.
struct GuardWords {
  std::string who = "the operator of Cove";
  std::string models = "ai.guard.models";
  std::string hosted_tools = "ai.guard.hosted_tools";
  std::string deny_parameters = "ai.guard.deny_parameters";
};

inline constexpr const char* kHostedTools[] = {
    "web_search",  "web_fetch",        "mcp",           "urls", "code",
    "file_search", "image_generation", "stored_prompts"};

class Guard {
 public:
  explicit Guard(GuardRules rules = {}, GuardWords words = {});

  // `reach` is the request's. Nothing: it may pass.
  std::optional<ProviderError> Judge(const json::Object& request, const Reach& reach) const;

 private:
  bool ModelAllowed(std::string_view model) const;
  bool ToolAllowed(std::string_view kind) const;
  std::optional<ProviderError> JudgeModels(const Reach& reach) const;
  std::optional<ProviderError> JudgeTools(const Reach& reach) const;
  std::optional<ProviderError> JudgeParameters(const json::Object& request) const;

  GuardRules rules_;  // deny_models in lower case
  GuardWords words_;
};

// All of which have to let a request pass; shared by every call that they hold for. Null: nothing
// is said.
using Guards = std::shared_ptr<const std::vector<Guard>>;

// '*' stands for any characters, also none.
bool FitsPattern(std::string_view pattern, std::string_view text);

}  // namespace cove::bridge
