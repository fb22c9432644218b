// "Did you mean …?": the known word with the fewest changed letters (Levenshtein's distance).
// Thread: pure.
#pragma once

#include <span>
#include <string_view>

namespace cove {

// REQUIRES: `known` is not empty.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> known);

// The known word that `word` is most likely a slip of: another case, or at most two changed letters
// (one where it has up to four). Empty: none, or `word` itself is known.
std::string_view NearMiss(std::string_view word, std::span<const std::string_view> known);

}  // namespace cove
