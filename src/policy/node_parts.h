// Parts of a document's tables. Thread: pure functions.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "policy/node.h"

namespace cove::policy {

using Names = std::span<const std::string_view>;

// kInvalid at a key that is none of these, naming the nearest.
Result<void> CheckKeys(const Node& table, Names known);

// Null when there is none.
const Node* Entry(const Node& table, std::string_view key);

// One text or a list of them, never none: an empty list would mean everything to one reader and
// nothing to the next.
using TakeText = std::function<Result<void>(const Node& item)>;
Result<void> EachText(const Node& node, const TakeText& take);

}  // namespace cove::policy
