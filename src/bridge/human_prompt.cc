#include "bridge/human_prompt.h"

#include "bridge/answer_facts.h"

namespace cove::bridge {

namespace {

const json::Object* Last(const json::Object& request, std::string_view key) {
  const json::Array* list = json::GetArray(request, key);
  return list == nullptr || list->empty() ? nullptr : list->back().if_object();
}

// `content` as text: a string, or its parts of type `part`; of several the last, or all.
enum class Take { kLast, kAll };
std::string TextOf(const json::Object& message, std::string_view part, Take take) {
  if (auto text = json::GetString(message, "content")) return *std::move(text);
  const json::Array* parts = json::GetArray(message, "content");
  std::string out;
  if (parts == nullptr) return out;
  for (const json::Value& value : *parts) {
    const json::Object* object = value.if_object();
    if (object == nullptr || json::GetString(*object, "type") != part) continue;
    auto text = json::GetString(*object, "text");
    if (!text) continue;
    if (take == Take::kAll && !out.empty()) {
      out += '\n' + *text;
    } else {
      out = *std::move(text);
    }
  }
  return out;
}

bool HasToolResult(const json::Object& message) {
  const json::Array* parts = json::GetArray(message, "content");
  if (parts == nullptr) return false;
  for (const json::Value& value : *parts) {
    const json::Object* object = value.if_object();
    if (object == nullptr) continue;
    if (json::GetString(*object, "type").value_or("").ends_with("tool_result")) return true;
  }
  return false;
}

std::string Find(Api api, const json::Object& request) {
  if (api == Api::kResponses) {
    if (auto text = json::GetString(request, "input")) return *std::move(text);
    const json::Object* item = Last(request, "input");
    if (item == nullptr || json::GetString(*item, "role") != "user") return "";
    return TextOf(*item, "input_text", Take::kAll);
  }
  if (api != Api::kChatCompletions && api != Api::kMessages) return "";
  const json::Object* message = Last(request, "messages");
  if (message == nullptr || json::GetString(*message, "role") != "user") return "";
  if (api == Api::kMessages && HasToolResult(*message)) return "";
  return TextOf(*message, "text", Take::kLast);
}

}  // namespace

std::string HumanPrompt(Api api, const json::Object& request) {
  std::string text = Find(api, request);
  text.resize(CutUtf8(text, kTextBytesMax).size());
  return text;
}

}  // namespace cove::bridge
