#include "bridge/rates.h"

#include <algorithm>
#include <cmath>

namespace cove::bridge {
namespace {

// How long a call takes is not known: the advice for those that meet a limit of calls at once.
constexpr seconds kSoon{2};
constexpr double kSecondsOfMinute = 60;

}  // namespace

double Rates::TokensOf(const Caller& caller, TimePoint now) const {
  const double passed = std::chrono::duration<double>(now - caller.filled_at).count();
  return std::min<double>(limits_.per_minute,
                          caller.tokens + passed * limits_.per_minute / kSecondsOfMinute);
}

// A caller whose bucket is full again is as good as one never seen.
void Rates::DropIdle(TimePoint now) {
  std::erase_if(callers_, [this, now](const auto& entry) {
    return entry.second.in_flight == 0 && TokensOf(entry.second, now) >= limits_.per_minute;
  });
  drop_at_ = std::max<size_t>(1024, 2 * callers_.size());
}

std::optional<TooMany> Rates::Enter(const std::string& name, TimePoint now) {
  if (limits_.at_once_total > 0 && in_flight_ >= limits_.at_once_total) {
    return TooMany{TooMany::Why::kTotal, kSoon};
  }
  if (callers_.size() >= drop_at_) DropIdle(now);
  auto [it, fresh] = callers_.try_emplace(name);
  Caller& caller = it->second;
  if (fresh) {
    caller.tokens = limits_.per_minute;
    caller.filled_at = now;
  }
  if (limits_.at_once > 0 && caller.in_flight >= limits_.at_once) {
    return TooMany{TooMany::Why::kAtOnce, kSoon};
  }
  if (limits_.per_minute > 0) {
    caller.tokens = TokensOf(caller, now);
    caller.filled_at = now;
    if (caller.tokens < 1) {
      const double wait = (1 - caller.tokens) * kSecondsOfMinute / limits_.per_minute;
      return TooMany{TooMany::Why::kRate, seconds(static_cast<int64_t>(std::ceil(wait)))};
    }
    caller.tokens -= 1;
  }
  ++caller.in_flight;
  ++in_flight_;
  return std::nullopt;
}

void Rates::Leave(const std::string& name) {
  --in_flight_;
  const auto it = callers_.find(name);
  if (it != callers_.end()) --it->second.in_flight;
}

}  // namespace cove::bridge
