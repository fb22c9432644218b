#include "front/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "json/toml.h"

namespace cove::front {
namespace {

class Flattener {
 public:
  explicit Flattener(std::string_view name) : name_(name) {}
  Result<void> Table(const toml::table& table, const std::string& prefix);
  std::vector<ConfigItem> items;

 private:
  Result<ConfigValue> ValueOf(const toml::node& node, const std::string& key) const;
  Error Wrong(const toml::node& node, const std::string& key) const {
    return Error(Code::kInvalid, fmt::format("{}:{}: {}: no key takes a value of this kind", name_,
                                             static_cast<uint32_t>(node.source().begin.line), key));
  }
  std::string_view name_;
};

Result<ConfigValue> Flattener::ValueOf(const toml::node& node, const std::string& key) const {
  if (const auto* v = node.as_string()) return ConfigValue(v->get());
  if (const auto* v = node.as_integer()) return ConfigValue(v->get());
  if (const auto* v = node.as_floating_point()) return ConfigValue(v->get());
  if (const auto* v = node.as_boolean()) return ConfigValue(v->get());
  const auto* array = node.as_array();
  if (array == nullptr) return Wrong(node, key);
  std::vector<std::string> list;
  for (const toml::node& item : *array) {
    const auto* text = item.as_string();
    if (text == nullptr) return Wrong(item, key);
    list.push_back(text->get());
  }
  return ConfigValue(std::move(list));
}

Result<void> Flattener::Table(const toml::table& table, const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (prefix == "policy." && key != "policy.registries") continue;
    if (const auto* inner = node.as_table()) {
      RETURN_IF_ERROR(Table(*inner, key + "."));
      continue;
    }
    if (const auto* list = node.as_array(); list != nullptr && list->is_array_of_tables()) {
      for (size_t i = 0; i < list->size(); ++i) {
        RETURN_IF_ERROR(Table(*list->get_as<toml::table>(i), key + ".#" + std::to_string(i) + "."));
      }
      continue;
    }
    ASSIGN_OR_RETURN(ConfigValue value, ValueOf(node, key));
    items.push_back({key, std::move(value), static_cast<uint32_t>(node.source().begin.line)});
  }
  return Ok();
}

}  // namespace

Result<std::vector<ConfigItem>> ReadConfigItems(std::string_view text, std::string_view name) {
  if (text.size() > kConfigBytesMax) {
    return Error(Code::kTooLarge, fmt::format("{}: over 1 MiB is no configuration", name));
  }
  const toml::parse_result parsed = json::ParseToml(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error(Code::kInvalid,
                 fmt::format("{}:{}: {}", name, static_cast<uint32_t>(error.source().begin.line),
                             error.description()));
  }
  Flattener flattener(name);
  RETURN_IF_ERROR(flattener.Table(parsed.table(), ""));
  // Items of one line are told apart by their key, so that the order never depends on luck.
  std::sort(flattener.items.begin(), flattener.items.end(), [](const auto& a, const auto& b) {
    return std::tie(a.line, a.key) < std::tie(b.line, b.key);
  });
  return std::move(flattener.items);
}

}  // namespace cove::front
