#include "policy/node_parts.h"

#include <algorithm>

#include "base/nearest.h"

namespace cove::policy {

namespace {
constexpr size_t kListMax = 1024;
}

Result<void> CheckKeys(const Node& table, Names known) {
  for (const auto& [key, node] : table.entries) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return node.Wrong("there is no key '" + key + "' here; did you mean '" +
                      std::string(Nearest(key, known)) + "'?");
  }
  return Ok();
}

const Node* Entry(const Node& table, std::string_view key) {
  for (const auto& [name, node] : table.entries) {
    if (name == key) return &node;
  }
  return nullptr;
}

Result<void> EachText(const Node& node, const TakeText& take) {
  const std::span<const Node> items =
      node.kind == Node::Kind::kList ? std::span(node.items) : std::span(&node, 1);
  if (items.empty()) return node.Wrong("the list is empty; leave the key out");
  if (items.size() > kListMax) return node.Wrong("over 1024 entries");
  for (const Node& item : items) {
    if (item.kind != Node::Kind::kText) return item.Wrong("a text in quotes is expected");
    if (auto taken = take(item); !taken) return std::move(taken).error().Wrap(item.where);
  }
  return Ok();
}

}  // namespace cove::policy
