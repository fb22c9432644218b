// What one layer says, as one document: its default, and in the table `ceiling` what may ever be
// allowed below it.
//
//   default = "deny"            # these keys (document.h) are the layer's default; with none of
//   them allow = ["example.org"]     # the layer has no default, and the one above it holds
//
//   [ceiling]                   # the same keys; not in a sandbox's own policy
//   allow = ["**.example.org"]
//
// Thread: values.
#pragma once

#include <memory>

#include "policy/document.h"

namespace cove::policy {

// Either may be absent.
struct LayerPolicy {
  Layer layer = Layer::kNone;
  std::shared_ptr<const Document> ceiling;
  std::shared_ptr<const Document> standard;
};

// kInvalid names the place; an empty document, too, because it would mean two things.
Result<LayerPolicy> ReadLayer(const Node& node, Layer layer);
// A text that starts with '{' is JSON, any other TOML. `name` stands in errors about TOML.
Result<LayerPolicy> ParseLayer(std::string_view text, std::string_view name, Layer layer);

}  // namespace cove::policy
