#include "bridge/guard.h"

#include <algorithm>

#include "base/text.h"
#include "bridge/bedrock.h"

namespace cove::bridge {
namespace {

ProviderError Refusal(int status, std::string code, std::string message) {
  ProviderError out;
  out.status = status;
  out.code = std::move(code);
  out.message = std::move(message);
  return out;
}

// Of ASCII that is seen.
bool IsPlainText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

const json::Value* FindPath(const json::Object& request, std::string_view path) {
  const json::Object* at = &request;
  for (;;) {
    const size_t dot = path.find('.');
    const json::Value* found = at->if_contains(path.substr(0, dot));
    if (found == nullptr || dot == path.npos) return found;
    at = found->if_object();
    if (at == nullptr) return nullptr;
    path.remove_prefix(dot + 1);
  }
}

std::string Plain(const json::Value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  return json::Write(value);
}

// `plain` is the other name of the model; "": it has none.
bool FitsAny(const std::vector<std::string>& patterns, std::string_view model,
             std::string_view plain) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return FitsPattern(pattern, model) || (!plain.empty() && FitsPattern(pattern, plain));
  });
}

}  // namespace

bool FitsPattern(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = pattern.npos;  // the last one seen, and where its text ends so far
  size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Guard::Guard(GuardRules rules, GuardWords words)
    : rules_(std::move(rules)), words_(std::move(words)) {
  for (std::string& model : rules_.deny_models) model = ToLower(model);
}

bool Guard::ModelAllowed(std::string_view model) const {
  // A server may trim a name, end it at a NUL or not look at its case; what was refused must not be
  // had by that.
  if (!IsPlainText(model)) return false;
  const std::string plain = PlainModel(model);
  if (FitsAny(rules_.deny_models, ToLower(model), ToLower(plain))) return false;
  if (rules_.models.empty()) return !IsOpaqueModel(model);
  return FitsAny(rules_.models, model, plain);
}

bool Guard::ToolAllowed(std::string_view kind) const {
  const auto& list = rules_.hosted_tools;
  return !list || std::find(list->begin(), list->end(), kind) != list->end();
}

std::optional<ProviderError> Guard::JudgeModels(const Reach& reach) const {
  if (rules_.models.empty() && rules_.deny_models.empty()) return std::nullopt;
  for (const std::string& model : reach.models) {
    if (ModelAllowed(model)) continue;
    return Refusal(403, "cove_model_not_allowed",
                   "The model '" + model + "' is one that " + words_.who +
                       " does not allow here (" + words_.models + "). Choose another one.");
  }
  return std::nullopt;
}

std::optional<ProviderError> Guard::JudgeTools(const Reach& reach) const {
  if (!rules_.hosted_tools) return std::nullopt;
  std::vector<std::string> kinds = reach.tools;
  for (const FetchedUrl& url : reach.urls) {
    kinds.emplace_back(url.use == FetchedUrl::Use::kMcpServer ? "mcp" : "urls");
  }
  for (const std::string& kind : kinds) {
    if (ToolAllowed(kind)) continue;
    return Refusal(403, "cove_tool_not_allowed",
                   "The request lets the provider use '" + kind + "', which " + words_.who +
                       " does not allow (" + words_.hosted_tools +
                       "). Leave it out, or use a tool inside the sandbox.");
  }
  return std::nullopt;
}

std::optional<ProviderError> Guard::JudgeParameters(const json::Object& request) const {
  for (const std::string& rule : rules_.deny_parameters) {
    const size_t equals = rule.find('=');
    const json::Value* found = FindPath(request, std::string_view(rule).substr(0, equals));
    if (found == nullptr || found->is_null()) continue;
    if (equals != std::string::npos && Plain(*found) != rule.substr(equals + 1)) continue;
    return Refusal(403, "cove_parameter_not_allowed",
                   "The request has '" + rule + "', which " + words_.who + " does not allow (" +
                       words_.deny_parameters + "). Leave it out.");
  }
  return std::nullopt;
}

std::optional<ProviderError> Guard::Judge(const json::Object& request, const Reach& reach) const {
  if (auto refusal = JudgeModels(reach)) return refusal;
  if (auto refusal = JudgeTools(reach)) return refusal;
  return JudgeParameters(request);
}

}  // namespace cove::bridge
