// When a provider says that the same may be asked again. Sources: RFC 9110 section 10.2.3 (seconds,
// or a date in one of the three forms of section 5.6.7); providers also give parts of a second, and
// OpenAI milliseconds in `retry-after-ms`, which goes first. Thread: pure function.
#pragma once

#include <optional>

#include "base/clock.h"
#include "http/message.h"

namespace cove::bridge {

// From when the answer came; nothing when it does not say, or not so that it can be understood. A
// date is reckoned from the answer's own Date, for the clocks of two machines differ; without one
// from `now`. Never less than nothing, at most a day.
std::optional<Duration> RetryAfter(const http::ResponseHead& head, WallTime now);

}  // namespace cove::bridge
