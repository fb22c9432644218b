// The two clocks of Cove: Now() never jumps and is for deadlines; WallNow() is what people read
// and what is stored (microseconds since 1970, UTC).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cove {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline TimePoint Now() { return Clock::now(); }
inline constexpr TimePoint kNever = TimePoint::max();

struct WallTime {
  int64_t micros = 0;
  auto operator<=>(const WallTime&) const = default;
};

WallTime WallNow();

// "2026-11-21T01:02:03.456Z", as RFC 3339 and the Daytona API want it.
std::string FormatIso(WallTime time);
// That, and with an offset in place of Z; nothing when it is no time.
std::optional<WallTime> ParseIso(std::string_view text);

}  // namespace cove
