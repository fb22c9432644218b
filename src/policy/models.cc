#include "policy/models.h"

#include <array>

#include "policy/node_parts.h"

namespace cove::policy {

namespace {

constexpr size_t kTextBytesMax = 256;
constexpr auto kKeys =
    std::to_array<std::string_view>({"allow", "deny", "hosted_tools", "deny_parameters"});

Result<void> ReadTexts(const Node& table, std::string_view key, std::vector<std::string>& out) {
  const Node* node = Entry(table, key);
  if (node == nullptr) return Ok();
  return EachText(*node, [&out](const Node& item) -> Result<void> {
    if (item.text.empty() || item.text.size() > kTextBytesMax) {
      return Error(Code::kInvalid, "a text of 1 to 256 bytes is expected");
    }
    out.push_back(item.text);
    return Ok();
  });
}

}  // namespace

Result<ModelRules> ReadModelRules(const Node& node) {
  if (node.kind != Node::Kind::kTable) return node.Wrong("models is a table: [models]");
  RETURN_IF_ERROR(CheckKeys(node, kKeys));
  if (node.entries.empty()) return node.Wrong("the table is empty; leave it out");
  ModelRules out;
  RETURN_IF_ERROR(ReadTexts(node, "allow", out.allow));
  RETURN_IF_ERROR(ReadTexts(node, "deny", out.deny));
  RETURN_IF_ERROR(ReadTexts(node, "deny_parameters", out.deny_parameters));
  // Here alone an empty list has one meaning: no tool.
  if (const Node* tools = Entry(node, "hosted_tools")) {
    auto& list = out.hosted_tools.emplace();
    const bool none = tools->kind == Node::Kind::kList && tools->items.empty();
    if (!none) RETURN_IF_ERROR(ReadTexts(node, "hosted_tools", list));
  }
  return out;
}

}  // namespace cove::policy
