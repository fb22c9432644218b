#include "front/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/nearest.h"
#include "base/text.h"
#include "front/config_keys.h"

namespace cove::front {
namespace {

bool IsName(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// What stands for NAME or for MODEL ("" if the pattern has neither); nothing if `key` is another
// one. The name of a model, always last, may have dots.
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
    config.ceiling = std::move(layer.ceiling);
    if (layer.standard != nullptr) config.standard = *layer.standard;
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
  return config;
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
    const std::string_view table = full.substr(0, full.rfind('.'));
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
