#include "gateway/throttle.h"

namespace cove::gateway {

std::optional<uint64_t> RowFilter::Admit(const std::string& key, TimePoint now) {
  if (!key.empty()) {
    const auto it = seen_.find(key);
    if (it != seen_.end() && now - it->second < kWindow) {
      ++left_out_;
      return std::nullopt;
    }
    if (seen_.size() >= kKeysMax && now - swept_ >= seconds(1)) {
      swept_ = now;
      std::erase_if(seen_, [&](const auto& entry) { return now - entry.second >= kWindow; });
    }
    // A full table forgets at random: a key may get a second row, the rate still holds.
    if (seen_.size() >= kKeysMax) seen_.erase(seen_.begin());
    seen_[key] = now;
  }
  if (!rate_.Take(now)) {
    ++left_out_;
    return std::nullopt;
  }
  return TakeLeftOut();
}

}  // namespace cove::gateway
