// TOML as a flat list of keys and values, so that only one file knows the library behind it
// (toml++). Thread: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace cove::front {

using ConfigValue = std::variant<std::string, int64_t, double, bool, std::vector<std::string>>;

struct ConfigItem {
  std::string key;  // "ai.providers.openai.kind"
  ConfigValue value;
  uint32_t line = 0;
};

// In the order of the file; the tables of a list of tables are numbered ("ai.prices.#0.model").
// What stands below the table `policy` is left out, but for policy.registries: rules are read by
// policy/document.h. kInvalid with name and line for what is no TOML, and for dates and lists of
// anything but texts, which no key takes. A file over kConfigBytesMax is kTooLarge.
inline constexpr size_t kConfigBytesMax = 1024 * 1024;
Result<std::vector<ConfigItem>> ReadConfigItems(std::string_view text, std::string_view name);

}  // namespace cove::front
