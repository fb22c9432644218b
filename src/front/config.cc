#include "front/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/text.h"
#include "front/config_keys.h"

namespace cove::front {
namespace {

bool IsName(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// What stands for NAME ("" if the pattern has none); nothing if `key` is another one.
std::optional<std::string> Match(std::string_view pattern, std::string_view key) {
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

// Levenshtein's distance.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1] ? 1 : 0)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string_view Nearest(std::string_view key) {
  const auto keys = ConfigKeys();
  return std::min_element(keys.begin(), keys.end(),
                          [&](const auto& a, const auto& b) {
                            return Distance(a.key, key) < Distance(b.key, key);
                          })
      ->key;
}

Result<void> Apply(Config& config, const ConfigItem& item) {
  for (const ConfigKey& key : ConfigKeys()) {
    const auto name = Match(key.key, item.key);
    if (name) return key.set(config, item.value, *name);
  }
  return Error(Code::kInvalid,
               fmt::format("there is no such key; did you mean {}?", Nearest(item.key)));
}

}  // namespace

Result<Config> ParseConfig(std::string_view text, std::string_view name) {
  ASSIGN_OR_RETURN(const auto items, ReadConfigItems(text, name));
  Config config;
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
  return out;
}

}  // namespace cove::front
