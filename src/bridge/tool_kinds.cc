#include "bridge/tool_kinds.h"

#include <algorithm>
#include <array>

namespace cove::bridge {
namespace {

struct Kind {
  std::string_view prefix;  // of the type
  std::string_view name;
};

// The first that fits. An empty name: the agent runs it.
constexpr Kind kKinds[] = {
    {"function", ""},
    {"custom", ""},
    {"namespace", ""},
    {"local_shell", ""},
    {"shell", ""},
    {"apply_patch", ""},
    {"computer", ""},
    {"bash", ""},
    {"text_editor", ""},
    {"memory", ""},
    {"tool_search", ""},
    {"web_search", "web_search"},
    {"web_fetch", "web_fetch"},
    {"mcp", "mcp"},
    {"code_interpreter", "code"},
    {"code_execution", "code"},
    {"file_search", "file_search"},
    {"image_generation", "image_generation"},
};

// "web_search" fits "web_search", "web_search_preview" and "web_search_20250305", but not
// "web_searcher".
bool Fits(std::string_view type, std::string_view prefix) {
  return type.starts_with(prefix) && (type.size() == prefix.size() || type[prefix.size()] == '_');
}

// A shell that is not said to be here is a container of the provider.
bool IsHostedShell(const json::Object& tool, std::string_view type) {
  if (!Fits(type, "shell")) return false;
  const json::Object* environment = json::GetObject(tool, "environment");
  return environment != nullptr && json::GetString(*environment, "type").value_or("") != "local";
}

std::string KindOf(const json::Object& tool) {
  const std::string type = json::GetString(tool, "type").value_or("custom");
  if (IsHostedShell(tool, type)) return "code";
  for (const Kind& kind : kKinds) {
    if (Fits(type, kind.prefix)) return std::string(kind.name);
  }
  return type;
}

// What a tool is described by is not looked into: it is text for the model.
constexpr std::array<std::string_view, 4> kDescriptions = {"parameters", "input_schema",
                                                           "arguments", "output"};

// Calls `see` for each tool that the request offers, wherever its list stands: at the top, in a
// namespace, in an item of the input.
template <class See>
void EachTool(const json::Value& value, See see) {
  if (const auto* list = value.if_array()) {
    for (const json::Value& item : *list) EachTool(item, see);
    return;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return;
  for (const auto& [key, field] : *object) {
    if (std::find(kDescriptions.begin(), kDescriptions.end(), key) != kDescriptions.end()) continue;
    const auto* list = key == "tools" ? field.if_array() : nullptr;
    if (list != nullptr) {
      for (const json::Value& item : *list) {
        if (const auto* tool = item.if_object()) see(*tool);
      }
    }
    EachTool(field, see);
  }
}

template <class See>
void EachToolOf(const json::Object& request, See see) {
  for (const char* key : {"tools", "input", "messages"}) {
    const auto* list = json::GetArray(request, key);
    if (list == nullptr) continue;
    if (std::string_view(key) == "tools") {
      for (const json::Value& item : *list) {
        if (const auto* tool = item.if_object()) see(*tool);
      }
    }
    for (const json::Value& item : *list) EachTool(item, see);
  }
}

bool Given(const json::Object& request, std::string_view key) {
  const json::Value* value = request.if_contains(key);
  return value != nullptr && !value->is_null();
}

}  // namespace

std::vector<std::string> ModelsOf(const json::Object& request) {
  std::vector<std::string> out = {json::GetString(request, "model").value_or("")};
  if (const auto* list = json::GetArray(request, "models")) {
    for (const json::Value& item : *list) {
      const auto* text = item.if_string();
      out.emplace_back(text == nullptr ? "" : std::string(*text));
    }
  }
  EachToolOf(request, [&](const json::Object& tool) {
    if (auto model = json::GetString(tool, "model")) out.push_back(*std::move(model));
  });
  return out;
}

std::vector<std::string> HostedKindsOf(const json::Object& request) {
  std::vector<std::string> out;
  auto add = [&](std::string kind) {
    if (!kind.empty() && std::find(out.begin(), out.end(), kind) == out.end()) {
      out.push_back(std::move(kind));
    }
  };
  EachToolOf(request, [&](const json::Object& tool) { add(KindOf(tool)); });
  // Chat Completions has no tool for it, but a field and models that always search.
  const std::string model = json::GetString(request, "model").value_or("");
  if (Given(request, "web_search_options") || model.find("-search-preview") != model.npos) {
    add("web_search");
  }
  if (Given(request, "mcp_servers")) add("mcp");
  if (Given(request, "container")) add("code");
  if (Given(request, "prompt")) add("stored_prompts");
  return out;
}

}  // namespace cove::bridge
