#include "front/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/nearest.h"
#include "base/text.h"
#include "front/config_keys.h"
#include "sys/small_file.h"

namespace cove::front {
namespace {

bool IsName(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Of a table in a list of tables: no name of a table is written so.
std::optional<size_t> NumberOf(std::string_view part) {
  if (!part.starts_with('#')) return std::nullopt;
  return ParseInt<size_t>(part.substr(1));
}

// What stands for NAME, for MODEL or for [] (a number then), "" if the pattern has none; nothing if
// `key` is another one. The name of a model, always last, may have dots.
std::optional<std::string> Match(std::string_view pattern, std::string_view key) {
  constexpr std::string_view kModel = "MODEL";
  if (pattern.ends_with(kModel)) {
    pattern.remove_suffix(kModel.size());
    if (!key.starts_with(pattern) || key.size() == pattern.size()) return std::nullopt;
    return std::string(key.substr(pattern.size()));
  }
  const auto want = Split(pattern, '.');
  const auto have = Split(key, '.');
  if (want.size() != have.size()) return std::nullopt;
  std::string name;
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i] == "NAME" && IsName(have[i])) {
      name = have[i];
    } else if (want[i] == "[]" && NumberOf(have[i])) {
      name = have[i].substr(1);
    } else if (want[i] != have[i]) {
      return std::nullopt;
    }
  }
  return name;
}

std::string_view NearestKey(std::string_view key) {
  std::vector<std::string_view> known;
  for (const ConfigKey& k : ConfigKeys()) known.push_back(k.key);
  return Nearest(key, known);
}

Result<void> Apply(Config& config, const ConfigItem& item) {
  for (const ConfigKey& key : ConfigKeys()) {
    const auto name = Match(key.key, item.key);
    if (name) return key.set(config, item.value, *name);
  }
  return Error(Code::kInvalid,
               fmt::format("there is no such key; did you mean {}?", NearestKey(item.key)));
}

// The table [policy] is a policy document with two keys more.
Result<void> ReadPolicy(Config& config, std::string_view text, std::string_view name) {
  ASSIGN_OR_RETURN(const policy::Node file, policy::NodeFromToml(text, name));
  for (const policy::NodeEntry& entry : file.entries) {
    if (entry.key != "policy") continue;
    policy::Node table = entry.value;
    std::erase_if(table.entries, [](const auto& e) { return e.key == "registries"; });
    if (table.entries.empty()) continue;
    ASSIGN_OR_RETURN(policy::LayerPolicy layer, policy::ReadLayer(table, policy::Layer::kServer));
    if (layer.models != nullptr || layer.models_ceiling != nullptr) {
      return table.Wrong("about models the server says its word in [ai.guard]");
    }
    config.ceiling = std::move(layer.ceiling);
    if (layer.standard != nullptr) config.standard = *layer.standard;
  }
  return Ok();
}

bridge::Price Complete(const PriceConfig& entry) {
  bridge::Price out = entry.price;
  out.input = entry.input.value_or(0);
  out.cached = entry.cached.value_or(out.input);
  out.cache_write = entry.cache_write.value_or(out.input);
  out.output = entry.output.value_or(0);
  out.cache_write_1h = entry.cache_write_1h.value_or(out.cache_write);
  out.web_search = entry.web_search.value_or(0) / bridge::Price::kSearches;
  return out;
}

// What cannot be seen before an entry is whole.
Result<void> CheckPrices(const Config& config, std::string_view name) {
  bridge::PriceTable table;
  for (const auto& [number, entry] : config.prices) {
    auto checked = entry.input && entry.output
                       ? table.Add(Complete(entry))
                       : Result<void>(Error(Code::kInvalid, "input and output are missing"));
    if (checked) continue;
    return std::move(checked).error().Wrap(
        fmt::format("{}: entry {} of [[ai.prices]]", name, number + 1));
  }
  return Ok();
}

}  // namespace

Result<Config> ParseConfig(std::string_view text, std::string_view name) {
  ASSIGN_OR_RETURN(const auto items, ReadConfigItems(text, name));
  Config config;
  RETURN_IF_ERROR(ReadPolicy(config, text, name));
  for (const ConfigItem& item : items) {
    if (auto applied = Apply(config, item); !applied) {
      return std::move(applied).error().Wrap(fmt::format("{}:{}: {}", name, item.line, item.key));
    }
  }
  RETURN_IF_ERROR(CheckPrices(config, name));
  return config;
}

Result<bridge::PriceTable> LoadPrices(const Config& config) {
  bridge::PriceTable table;
  if (!config.price_file.empty()) {
    const auto text = sys::ReadFile(config.price_file);
    if (!text) {
      return Error(Code::kInvalid,
                   "ai.price_file, read as the front's user (61800): " + text.error().message());
    }
    ASSIGN_OR_RETURN(table, bridge::PriceTable::Parse(*text, config.price_file));
  }
  for (const auto& [number, entry] : config.prices) {
    RETURN_IF_ERROR(table.Add(Complete(entry)));
  }
  table.Fallback(bridge::PriceTable::Shipped());
  return table;
}

std::string ConfigReference() {
  std::string out =
      "# cove.toml\n\n"
      "Given with `cove serve --config FILE`. No file is needed: every key has a default. An "
      "unknown "
      "key is an error that names the nearest known one. (Printed by `cove front "
      "--print-config-reference`.)\n";
  std::string section;
  for (const ConfigKey& key : ConfigKeys()) {
    const std::string_view full = key.key;
    std::string table(full.substr(0, full.rfind('.')));
    if (table.ends_with(".[]")) table = "[" + table.substr(0, table.size() - 3) + "]";
    if (table != section) {
      section = table;
      out += fmt::format("\n## [{}]\n\n| key | type | default | meaning |\n|---|---|---|---|\n",
                         section);
    }
    out += fmt::format("| `{}` | {} | {} | {} |\n", full.substr(full.rfind('.') + 1), key.type,
                       key.default_value, key.text);
  }
  out +=
      "\nThe table `[policy]` also holds the server's egress policy and `[policy.ceiling]` what "
      "nobody may widen: see [policy.md](policy.md).\n";
  return out;
}

}  // namespace cove::front
