#include "bridge/retry_after.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "base/text.h"

namespace cove::bridge {
namespace {

constexpr double kSecondsMax = 24.0 * 3600;

// A number as it stands in a field: digits, and perhaps a point and digits.
std::optional<double> Number(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double out = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out, std::chars_format::fixed);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return out;
}

std::optional<WallTime> Date(std::string_view text) {
  const std::string copy(text);
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* const rest = strptime(copy.c_str(), form, &parts);
    if (rest != nullptr && *rest == '\0') return WallTime{int64_t{timegm(&parts)} * 1'000'000};
  }
  return std::nullopt;
}

Duration Within(double seconds) {
  const double bounded = std::clamp(seconds, 0.0, kSecondsMax);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(bounded));
}

}  // namespace

std::optional<Duration> RetryAfter(const http::ResponseHead& head, WallTime now) {
  if (const auto text = head.headers.Get("retry-after-ms")) {
    if (const auto ms = Number(Trim(*text))) return Within(*ms / 1000);
  }
  const auto text = head.headers.Get("retry-after");
  if (!text) return std::nullopt;
  if (const auto seconds = Number(Trim(*text))) return Within(*seconds);
  const auto at = Date(Trim(*text));
  if (!at) return std::nullopt;
  const auto sent = Date(Trim(head.headers.Get("date").value_or("")));
  const WallTime from = sent.value_or(now);
  return Within(static_cast<double>(at->micros - from.micros) / 1e6);
}

}  // namespace cove::bridge
