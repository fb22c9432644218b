// Config: what cove.toml says, checked; and the table of its keys, from which the reference page
// (docs/reference/config.md) is printed.
//
// An unknown key, a value of the wrong type or out of bounds is kInvalid and names file, line and
// key; an unknown key names the nearest known one. Thread: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/bridge.h"
#include "control/ports.h"
#include "log/log.h"
#include "policy/layer.h"
#include "policy/registries.h"

namespace cove::front {

// An entry of [[ai.prices]] as far as it is written.
struct PriceConfig {
  bridge::Price price{.from = "1970-01-01"};
  std::optional<bridge::Micros> input, cached, cache_write, output, cache_write_1h, web_search;
};

struct Config {
  std::string public_url;  // empty: as the client's Host header says
  log::Level log_level = log::Level::kInfo;
  control::Settings control;
  policy::RegistryMode registries = policy::RegistryMode::kHost;
  policy::Document standard;  // what [policy] says sandboxes may reach, besides the registries
  std::shared_ptr<const policy::Document> ceiling;  // [policy.ceiling]; null: none
  double audit_gib = 4;                             // 0: no limit
  std::vector<bridge::ProviderConfig> providers;
  bridge::WireSettings wire;
  bridge::GuardRules guard;
  bridge::TapeConfig tape;
  bridge::BooksSettings books;           // without prices, which are
  std::string collector;                 // of OpenTelemetry: a URL; empty: none
  std::string price_file;                // those of this file (empty: none) and
  std::map<size_t, PriceConfig> prices;  // these, by their number, before the shipped ones
};

// `name` stands in errors. An empty text gives the defaults.
Result<Config> ParseConfig(std::string_view text, std::string_view name);

// The prices of the configuration and its file, and the shipped ones behind them. Reads the file:
// for start-up, it blocks. Errors name the file and the line.
Result<bridge::PriceTable> LoadPrices(const Config& config);

// The reference page, Markdown.
std::string ConfigReference();

}  // namespace cove::front
