// Rates: how many calls a minute, and how many at once, one caller may make. A caller is a sandbox,
// or outside a key. A token bucket: after a pause a minute's calls may come in a burst.
// Thread: loop-confined, no I/O.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace cove::bridge {

// 0: no limit.
struct RateLimits {
  int per_minute = 0;     // of one caller
  int at_once = 0;        // of one caller
  int at_once_total = 0;  // of all
};

struct TooMany {
  enum class Why { kRate, kAtOnce, kTotal };
  Why why = Why::kRate;
  seconds retry_after{1};
};

class Rates {
 public:
  explicit Rates(RateLimits limits) : limits_(limits) {}

  // Nothing when the call may start: it counts as under way until Leave(). Else why it may not.
  std::optional<TooMany> Enter(const std::string& caller, TimePoint now);
  // REQUIRES: a successful Enter() of that caller.
  void Leave(const std::string& caller);

  int in_flight() const { return in_flight_; }
  size_t callers() const { return callers_.size(); }
  const RateLimits& limits() const { return limits_; }

 private:
  struct Caller {
    double tokens = 0;
    TimePoint filled_at{};
    int in_flight = 0;
  };
  double TokensOf(const Caller& caller, TimePoint now) const;
  void DropIdle(TimePoint now);

  const RateLimits limits_;
  std::unordered_map<std::string, Caller> callers_;
  size_t drop_at_ = 1024;
  int in_flight_ = 0;
};

}  // namespace cove::bridge
