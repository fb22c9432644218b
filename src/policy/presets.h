// Named sets of rules for what agents commonly need, each with its reason.
// Thread: pure functions over constant tables.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "policy/rule.h"

namespace cove::policy {

// Requests to a host, read in opened TLS; methods and paths separated by spaces.
struct PresetRequests {
  std::string_view host;  // short form
  std::string_view methods;
  std::string_view paths;  // empty: all
};

struct Preset {
  std::string_view name;
  std::string_view reason;                  // why these hosts, for people
  std::span<const std::string_view> allow;  // short form
  std::span<const PresetRequests> requests = {};
};

std::span<const Preset> Presets();

// kInvalid, listing the names there are.
Result<std::vector<Rule>> PresetRules(std::string_view name, Layer layer);

}  // namespace cove::policy
