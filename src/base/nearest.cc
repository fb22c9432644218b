#include "base/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/text.h"

namespace cove {
namespace {

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

}  // namespace

std::string_view Nearest(std::string_view word, std::span<const std::string_view> known) {
  return *std::min_element(known.begin(), known.end(),
                           [&](auto a, auto b) { return Distance(word, a) < Distance(word, b); });
}

std::string_view NearMiss(std::string_view word, std::span<const std::string_view> known) {
  constexpr size_t kShort = 4;
  if (known.empty() || std::find(known.begin(), known.end(), word) != known.end()) return {};
  const std::string lower = ToLower(word);
  const auto distance = [&lower](std::string_view k) { return Distance(lower, ToLower(k)); };
  const std::string_view nearest = *std::min_element(
      known.begin(), known.end(), [&](auto a, auto b) { return distance(a) < distance(b); });
  return distance(nearest) <= (word.size() <= kShort ? 1 : 2) ? nearest : std::string_view();
}

}  // namespace cove
