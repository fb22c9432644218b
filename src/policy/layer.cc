#include "policy/layer.h"

#include "base/text.h"

namespace cove::policy {

namespace {

// Takes the entry out of the table.
std::optional<Node> Take(Node& table, std::string_view key) {
  std::optional<Node> out;
  for (const NodeEntry& entry : table.entries) {
    if (entry.key == key) out = entry.value;
  }
  std::erase_if(table.entries, [key](const NodeEntry& e) { return e.key == key; });
  return out;
}

Result<std::shared_ptr<const ModelRules>> TakeModels(Node& table) {
  const auto node = Take(table, "models");
  if (!node) return std::shared_ptr<const ModelRules>();
  ASSIGN_OR_RETURN(ModelRules rules, ReadModelRules(*node));
  return std::make_shared<const ModelRules>(std::move(rules));
}

Result<void> ReadCeiling(Node node, LayerPolicy& out) {
  if (out.layer == Layer::kSandbox) {
    return node.Wrong("a sandbox's own policy has nothing below it: leave 'ceiling' out");
  }
  ASSIGN_OR_RETURN(out.models_ceiling, TakeModels(node));
  if (out.models_ceiling != nullptr && node.entries.empty()) return Ok();
  ASSIGN_OR_RETURN(Document ceiling, ReadDocument(node, out.layer));
  out.ceiling = std::make_shared<Document>(std::move(ceiling));
  return Ok();
}

}  // namespace

Result<LayerPolicy> ReadLayer(const Node& node, Layer layer) {
  LayerPolicy out;
  out.layer = layer;
  Node standard = node;
  auto ceiling = Take(standard, "ceiling");
  ASSIGN_OR_RETURN(out.models, TakeModels(standard));
  const bool more = ceiling || out.models != nullptr;
  if (ceiling) RETURN_IF_ERROR(ReadCeiling(*std::move(ceiling), out));
  const bool bare = standard.kind == Node::Kind::kTable && standard.entries.empty();
  if (bare && more) return out;
  if (bare) {
    return node.Wrong(
        "the policy is empty: write default = \"deny\" to close everything, or remove it "
        "for what the layer above says");
  }
  ASSIGN_OR_RETURN(Document document, ReadDocument(standard, layer));
  out.standard = std::make_shared<Document>(std::move(document));
  return out;
}

Result<LayerPolicy> ParseLayer(std::string_view text, std::string_view name, Layer layer) {
  if (text.size() > kDocumentBytesMax) return Error(Code::kTooLarge, "over 1 MiB is no policy");
  if (!Trim(text).starts_with('{')) {
    ASSIGN_OR_RETURN(const Node node, NodeFromToml(text, name));
    return ReadLayer(node, layer);
  }
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text));
  return ReadLayer(NodeFromJson(value), layer);
}

}  // namespace cove::policy
