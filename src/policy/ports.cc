#include "policy/ports.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace cove::policy {
namespace {

constexpr uint16_t kFirst = 1;
constexpr uint16_t kLast = 65535;

std::optional<uint16_t> ParsePort(std::string_view digits) {
  return digits.starts_with('0') ? std::nullopt : ParseInt<uint16_t>(digits);
}

Result<PortSet> ParsePart(std::string_view part) {
  if (part == "*") return PortSet::All();
  const size_t dash = part.find('-');
  const auto first = ParsePort(part.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : ParsePort(part.substr(dash + 1));
  if (!first || !last || *first < kFirst || *last < *first) {
    return Error(Code::kInvalid,
                 "'" + std::string(part) + "' is no port: write 443, 8000-8100 or * (1 to 65535)");
  }
  return PortSet::Of(*first, *last);
}

}  // namespace

PortSet PortSet::All() { return Of(kFirst, kLast); }

PortSet PortSet::Of(uint16_t first, uint16_t last) {
  PortSet set;
  set.ranges_.emplace_back(first, last);
  return set;
}

Result<PortSet> PortSet::Parse(std::string_view text) {
  PortSet set;
  for (const std::string_view part : Split(text, ',')) {
    ASSIGN_OR_RETURN(const PortSet one, ParsePart(part));
    set.Add(one);
  }
  if (set.ranges() > kPortRangesMax) return Error(Code::kInvalid, "over 64 ranges of ports");
  return set;
}

void PortSet::Add(const PortSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  std::sort(ranges_.begin(), ranges_.end());
  std::vector<std::pair<uint16_t, uint16_t>> merged;
  for (const auto& range : ranges_) {
    if (!merged.empty() && range.first <= merged.back().second + 1) {
      merged.back().second = std::max(merged.back().second, range.second);
    } else {
      merged.push_back(range);
    }
  }
  ranges_ = std::move(merged);
}

bool PortSet::Contains(uint16_t port) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [port](const auto& r) { return port >= r.first && port <= r.second; });
}

bool PortSet::all() const { return ranges_.size() == 1 && ranges_[0] == std::pair{kFirst, kLast}; }

std::string PortSet::ToString() const {
  if (all()) return "*";
  std::string out;
  for (const auto& [first, last] : ranges_) {
    if (!out.empty()) out += ',';
    out += std::to_string(first);
    if (last != first) out += "-" + std::to_string(last);
  }
  return out;
}

}  // namespace cove::policy
