#include "bridge/fetched_urls.h"

#include <algorithm>
#include <span>

#include "base/text.h"

namespace cove::bridge {
namespace {

constexpr std::string_view kUrlEnds[] = {"url", "urls", "uri", "uris", "link", "links", "href"};
// Parts of names under which a URL in place of the content, or of a server, is understood.
constexpr std::string_view kContentNames[] = {"data",  "file",     "image",   "audio", "video",
                                              "media", "document", "pdf",     "src",   "endpoint",
                                              "base",  "callback", "webhook", "proxy"};
// Under these stands `url` for where something was found or put: the history of a provider's own
// tools, and the page on a screenshot.
constexpr std::string_view kTellingHolders[] = {"action", "annotations", "citations",
                                                "url_citation", "outputs"};
constexpr std::string_view kTellingTypes[] = {"web_search_result", "web_fetch_result"};
constexpr std::string_view kTellingKey = "current_url";

constexpr std::string_view kOnlyText[] = {"arguments",     "input_schema",   "input_examples",
                                          "output_schema", "schema",         "guided_json",
                                          "metadata",      "client_metadata"};
constexpr std::string_view kToolHolders[] = {"tools", "functions", "function"};

constexpr size_t kSchemeBytesMax = 32;

bool IsOneOf(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Of a key in lower case.
bool NamesUrl(std::string_view key) {
  return std::any_of(std::begin(kUrlEnds), std::end(kUrlEnds),
                     [&](std::string_view end) { return key.ends_with(end); });
}

bool NamesContent(std::string_view key) {
  return std::any_of(std::begin(kContentNames), std::end(kContentNames),
                     [&](std::string_view part) { return key.find(part) != key.npos; });
}

bool HasScheme(std::string_view text) {
  const size_t end = text.substr(0, kSchemeBytesMax).find("://");
  if (end == text.npos || end == 0) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<long>(end), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
  });
}

bool IsHistory(std::string_view holder, const json::Object& object, std::string_view key) {
  if (key == kTellingKey) return true;
  if (key != "url") return false;
  if (IsOneOf(kTellingHolders, holder)) return true;
  return holder == "content" &&
         IsOneOf(kTellingTypes, json::GetString(object, "type").value_or(""));
}

class Collector {
 public:
  // `holder` is the key that the object stands under; the items of a list stand under the list's.
  void InObject(std::string_view holder, const json::Object& object) {
    for (const auto& [key, field] : object) {
      if (IsOnlyText(holder, object, key) || IsHistory(holder, object, key)) continue;
      // The sources of a search that was made stand one deeper.
      const bool deeper = holder == "action" && key == "sources";
      const bool mcp = holder == "mcp_servers" || key == "server_url";
      InValue(deeper ? holder : std::string_view(key), field,
              mcp ? FetchedUrl::Use::kMcpServer : FetchedUrl::Use::kContent);
    }
  }
  std::vector<FetchedUrl> Take() { return std::move(out_); }

 private:
  void InValue(std::string_view key, const json::Value& value, FetchedUrl::Use use) {
    if (const auto* object = value.if_object()) {
      InObject(key, *object);
    } else if (const auto* list = value.if_array()) {
      for (const json::Value& item : *list) InValue(key, item, use);
    } else if (const auto* text = value.if_string()) {
      OnText(key, std::string_view(*text), use);
    }
  }

  void OnText(std::string_view key, std::string_view text, FetchedUrl::Use use) {
    const std::string_view trimmed = Trim(text);
    if (EqualsIgnoreCase(trimmed.substr(0, 5), "data:")) return;
    const std::string lower = ToLower(key);
    if (NamesUrl(lower) || (HasScheme(trimmed) && NamesContent(lower))) {
      out_.push_back({use, std::string(text)});
    }
  }

  std::vector<FetchedUrl> out_;
};

}  // namespace

bool IsOnlyText(std::string_view holder, const json::Object& object, std::string_view key) {
  if (IsOneOf(kOnlyText, key)) return true;
  if (key == "parameters") return IsOneOf(kToolHolders, holder);
  // What the model called a tool with. Elsewhere `input` is the conversation.
  return key == "input" && holder == "content" &&
         json::GetString(object, "type").value_or("").ends_with("tool_use");
}

std::vector<FetchedUrl> FetchedUrls(const json::Object& request) {
  Collector collector;
  collector.InObject("", request);
  return collector.Take();
}

}  // namespace cove::bridge
