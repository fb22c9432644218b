// What one layer says, as one document: its default, and in the table `ceiling` what may ever be
// allowed below it.
//
//   default = "deny"            # these keys (document.h) are the layer's default; with none of
//   them allow = ["example.org"]     # the layer has no default, and the one above it holds
//
//   [ceiling]                   # the same keys; not in a sandbox's own policy
//   allow = ["**.example.org"]
//
// Each of the two may have a table `models` (models.h), which is a matter of its own: one that has
// nothing else says nothing about the network, and one without says nothing about models.
//
// Thread: values.
#pragma once

#include <memory>

#include "policy/document.h"
#include "policy/models.h"

namespace cove::policy {

// Each may be absent.
struct LayerPolicy {
  Layer layer = Layer::kNone;
  std::shared_ptr<const Document> ceiling;
  std::shared_ptr<const Document> standard;
  std::shared_ptr<const ModelRules> models_ceiling;
  std::shared_ptr<const ModelRules> models;
};

// kInvalid names the place; an empty document, too, because it would mean two things.
Result<LayerPolicy> ReadLayer(const Node& node, Layer layer);
// A text that starts with '{' is JSON, any other TOML. `name` stands in errors about TOML.
Result<LayerPolicy> ParseLayer(std::string_view text, std::string_view name, Layer layer);

}  // namespace cove::policy
