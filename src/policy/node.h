// One shape for what a policy document is written in, TOML or JSON: values that know where they
// stand, so that every error about one names its place.
// Thread: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/json.h"

namespace cove::policy {

struct NodeEntry;

struct Node {
  enum class Kind { kText, kInteger, kBoolean, kList, kTable, kOther };
  Kind kind = Kind::kOther;
  std::string text;
  int64_t number = 0;
  bool flag = false;
  std::vector<Node> items;
  std::vector<NodeEntry> entries;  // of a table, in the order written
  std::string where;               // "policy.toml:3:7" or "/rule/0/ports"

  // kInvalid, led by the place.
  Error Wrong(std::string_view why) const;
};

struct NodeEntry {
  std::string key;
  Node value;
};

inline constexpr size_t kDocumentBytesMax = 1 << 20;

// `name` stands in errors.
Result<Node> NodeFromToml(std::string_view text, std::string_view name);
Node NodeFromJson(const json::Value& value);

}  // namespace cove::policy
