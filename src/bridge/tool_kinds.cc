#include "bridge/tool_kinds.h"

#include <algorithm>

#include "base/text.h"

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
bool Fits(std::string_view type, std::string_view prefix, char separator = '_') {
  return type.starts_with(prefix) &&
         (type.size() == prefix.size() || type[prefix.size()] == separator);
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

// Calls `see` for each tool that the request offers, wherever its list stands: at the top, in a
// namespace, in an item of the input. `holder` is the key that the value stands under. What a tool
// is described by, called with and gave is not looked into: it is text for the model.
template <class See>
void EachTool(std::string_view holder, const json::Value& value, See see) {
  if (const auto* list = value.if_array()) {
    for (const json::Value& item : *list) EachTool(holder, item, see);
    return;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return;
  for (const auto& [key, field] : *object) {
    if (key == "output" || IsOnlyText(holder, *object, key)) continue;
    const auto* list = key == "tools" ? field.if_array() : nullptr;
    if (list != nullptr) {
      for (const json::Value& item : *list) {
        if (const auto* tool = item.if_object()) see(*tool);
      }
    }
    EachTool(key, field, see);
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
    for (const json::Value& item : *list) EachTool(key, item, see);
  }
}

bool Given(const json::Object& request, std::string_view key) {
  const json::Value* value = request.if_contains(key);
  return value != nullptr && !value->is_null();
}

// Given, and not as what means no: false, or {"mode": "off"}.
bool SwitchedOn(const json::Object& request, std::string_view key) {
  if (!Given(request, key)) return false;
  const json::Value& value = request.at(key);
  if (value.is_bool()) return value.as_bool();
  const auto* object = value.if_object();
  return object == nullptr || json::GetString(*object, "mode").value_or("") != "off";
}

// Of OpenAI-compatible servers: xAI, Alibaba's Qwen, Zhipu, and OpenAI's own Chat Completions.
constexpr const char* kSearchFields[] = {"web_search_options", "search_parameters",
                                         "search_options",     "enable_search",
                                         "enable_web_search",  "web_search"};
// Models that search by themselves: OpenAI's ("gpt-4o-search-preview", "gpt-5-search-api"), those
// to which OpenRouter adds a search, Perplexity's and Groq's.
bool SearchesByItself(std::string_view model) {
  const std::string lower = ToLower(model);
  const std::string_view name = std::string_view(lower).substr(lower.rfind('/') + 1);
  return name.find("-search") != name.npos || name.ends_with(":online") ||
         Fits(name, "sonar", '-') || Fits(name, "compound", '-');
}

// OpenRouter's: what it does beside the model.
std::vector<std::string> PluginsOf(const json::Object& request) {
  std::vector<std::string> out;
  const auto* plugins = json::GetArray(request, "plugins");
  if (plugins == nullptr) return out;
  for (const json::Value& item : *plugins) {
    const auto* plugin = item.if_object();
    const std::string id =
        plugin == nullptr ? "" : json::GetString(*plugin, "id").value_or("plugins");
    if (plugin != nullptr && !json::GetBool(*plugin, "enabled").value_or(true)) continue;
    out.push_back(id == "web" ? "web_search" : id.empty() ? "plugins" : id);
  }
  return out;
}

}  // namespace

std::vector<std::string> FurtherModels(const json::Object& request) {
  std::vector<std::string> out;
  const auto* list = json::GetArray(request, "models");
  if (list == nullptr) return out;
  for (const json::Value& item : *list) {
    const auto* text = item.if_string();
    out.emplace_back(text == nullptr ? "" : std::string(*text));
  }
  return out;
}

Reach ReachOf(const json::Object& request) {
  Reach out;
  auto add = [&tools = out.tools](std::string kind) {
    if (!kind.empty() && std::find(tools.begin(), tools.end(), kind) == tools.end()) {
      tools.push_back(std::move(kind));
    }
  };
  out.models = FurtherModels(request);
  out.models.insert(out.models.begin(), json::GetString(request, "model").value_or(""));
  EachToolOf(request, [&](const json::Object& tool) {
    add(KindOf(tool));
    if (auto model = json::GetString(tool, "model")) out.models.push_back(*std::move(model));
  });
  // Chat Completions has no tool for it, but fields and models that always search.
  const auto on = [&](const char* field) { return SwitchedOn(request, field); };
  if (std::any_of(std::begin(kSearchFields), std::end(kSearchFields), on) ||
      std::any_of(out.models.begin(), out.models.end(), SearchesByItself)) {
    add("web_search");
  }
  for (std::string& plugin : PluginsOf(request)) add(std::move(plugin));
  if (Given(request, "data_sources")) add("file_search");
  if (Given(request, "mcp_servers")) add("mcp");
  if (Given(request, "container")) add("code");
  if (Given(request, "prompt")) add("stored_prompts");
  out.urls = FetchedUrls(request);
  return out;
}

}  // namespace cove::bridge
