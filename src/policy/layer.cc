#include "policy/layer.h"

#include "base/text.h"

namespace cove::policy {

Result<LayerPolicy> ReadLayer(const Node& node, Layer layer) {
  LayerPolicy out{layer, nullptr, nullptr};
  Node standard = node;
  std::erase_if(standard.entries, [](const NodeEntry& e) { return e.key == "ceiling"; });
  for (const NodeEntry& entry : node.entries) {
    if (entry.key != "ceiling") continue;
    if (layer == Layer::kSandbox) {
      return entry.value.Wrong("a sandbox's own policy has nothing below it: leave 'ceiling' out");
    }
    ASSIGN_OR_RETURN(Document ceiling, ReadDocument(entry.value, layer));
    out.ceiling = std::make_shared<Document>(std::move(ceiling));
  }
  if (out.ceiling == nullptr && standard.kind == Node::Kind::kTable && standard.entries.empty()) {
    return node.Wrong(
        "the policy is empty: write default = \"deny\" to close everything, or remove it "
        "for what the layer above says");
  }
  if (out.ceiling == nullptr || !standard.entries.empty()) {
    ASSIGN_OR_RETURN(Document document, ReadDocument(standard, layer));
    out.standard = std::make_shared<Document>(std::move(document));
  }
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
