#include "bridge/fetched_urls.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace cove::bridge {
namespace {

constexpr std::array<std::string_view, 3> kUrlKeys = {"server_url", "file_url", "image_url"};
constexpr std::array<std::string_view, 3> kHoldersOfUrl = {"image_url", "source", "mcp_servers"};

bool Holds(std::span<const std::string_view> keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

void CollectIn(const json::Object& object, std::string_view holder, std::vector<FetchedUrl>& out);

// `holder` is the key that `value` stands under; the items of a list stand under the list's.
void Collect(const json::Value& value, std::string_view holder, std::vector<FetchedUrl>& out) {
  if (const auto* list = value.if_array()) {
    for (const json::Value& item : *list) Collect(item, holder, out);
  } else if (const auto* object = value.if_object()) {
    CollectIn(*object, holder, out);
  }
}

void CollectIn(const json::Object& object, std::string_view holder, std::vector<FetchedUrl>& out) {
  for (const auto& [key, field] : object) {
    const bool url = Holds(kUrlKeys, key) || (key == "url" && Holds(kHoldersOfUrl, holder));
    const auto* text = field.if_string();
    if (url && text != nullptr) {
      const std::string_view view(*text);
      if (EqualsIgnoreCase(view.substr(0, 5), "data:")) continue;
      const bool mcp = key == "server_url" || holder == "mcp_servers";
      out.push_back(
          {mcp ? FetchedUrl::Use::kMcpServer : FetchedUrl::Use::kContent, std::string(view)});
    } else {
      Collect(field, key, out);
    }
  }
}

}  // namespace

std::vector<FetchedUrl> FetchedUrls(const json::Object& request) {
  std::vector<FetchedUrl> out;
  CollectIn(request, "", out);
  return out;
}

}  // namespace cove::bridge
