#include "cli/time_option.h"

#include "base/clock.h"
#include "base/text.h"

namespace cove::cli {

std::optional<int64_t> SpanSeconds(const std::string& text) {
  constexpr std::pair<char, int64_t> kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  if (text.empty()) return std::nullopt;
  const auto number = ParseInt<int64_t>(std::string_view(text).substr(0, text.size() - 1));
  for (const auto& [unit, length] : kUnits) {
    if (!number || *number < 0 || *number > 100'000 || text.back() != unit) continue;
    return *number * length;
  }
  return std::nullopt;
}

std::string TimeOption(const std::string& text) {
  const auto span = SpanSeconds(text);
  if (!span) return text;
  return FormatIso(WallTime{WallNow().micros - *span * 1'000'000});
}

}  // namespace cove::cli
