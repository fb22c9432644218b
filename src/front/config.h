// Config: what cove.toml says, checked; and the table of its keys, from which the reference page
// (docs/reference/config.md) is printed.
//
// An unknown key, a value of the wrong type or out of bounds is kInvalid and names file, line and
// key; an unknown key names the nearest known one. Thread: pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/bridge.h"
#include "control/ports.h"
#include "log/log.h"
#include "policy/layer.h"
#include "policy/registries.h"

namespace cove::front {

struct Config {
  std::string public_url;  // empty: as the client's Host header says
  log::Level log_level = log::Level::kInfo;
  control::Settings control;
  policy::RegistryMode registries = policy::RegistryMode::kHost;
  policy::Document standard;  // what [policy] says sandboxes may reach, besides the registries
  std::shared_ptr<const policy::Document> ceiling;  // [policy.ceiling]; null: none
  std::vector<bridge::ProviderConfig> providers;
  bridge::WireSettings wire;
  bridge::GuardRules guard;
  bridge::TapeConfig tape;
};

// `name` stands in errors. An empty text gives the defaults.
Result<Config> ParseConfig(std::string_view text, std::string_view name);

// The reference page, Markdown.
std::string ConfigReference();

}  // namespace cove::front
