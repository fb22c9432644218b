#include "base/clock.h"

#include <cstdio>
#include <ctime>

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

}  // namespace cove
