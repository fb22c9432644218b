#include "base/clock.h"

#include <cstdio>
#include <ctime>

#include "base/text.h"

namespace cove {

WallTime WallNow() {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return {static_cast<int64_t>(ts.tv_sec) * 1'000'000 + ts.tv_nsec / 1000};
}

std::string FormatIso(WallTime time) {
  const time_t secs = static_cast<time_t>(time.micros / 1'000'000);
  const int millis = static_cast<int>((time.micros / 1000) % 1000);
  tm parts{};
  gmtime_r(&secs, &parts);
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
  return buffer;
}

std::optional<WallTime> ParseIso(std::string_view text) {
  std::tm tm{};
  const std::string copy(text);
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
  if (rest == nullptr) return std::nullopt;
  int64_t micros = 0;
  if (*rest == '.') {
    int64_t scale = 100'000;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, scale /= 10) micros += (*rest - '0') * scale;
  }
  int64_t offset_minutes = 0;
  if (*rest == '+' || *rest == '-') {
    const int sign = *rest == '-' ? -1 : 1;
    const std::string_view zone(rest + 1);
    if (zone.size() != 5 || zone[2] != ':') return std::nullopt;
    const auto hours = ParseInt<int>(zone.substr(0, 2));
    const auto minutes = ParseInt<int>(zone.substr(3));
    if (!hours || !minutes) return std::nullopt;
    offset_minutes = sign * (*hours * 60 + *minutes);
  } else if (std::string_view(rest) != "Z") {
    return std::nullopt;
  }
  const int64_t seconds_utc = timegm(&tm) - offset_minutes * 60;
  return WallTime{seconds_utc * 1'000'000 + micros};
}

}  // namespace cove
