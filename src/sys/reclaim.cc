#include "sys/reclaim.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/clock.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

constexpr uint64_t kNextToNothing = 1 << 20;
constexpr auto kFirstPause = milliseconds(10);
constexpr auto kLastPause = milliseconds(1280);

// Of both versions; in v1 those with "total_" count what is below, too. Files in memory are not
// among them.
Result<uint64_t> FileCacheOf(int stat) {
  ASSIGN_OR_RETURN(const std::string text, ReadOpenFile(stat, "memory.stat"));
  const auto both = [&](const char* active, const char* inactive) {
    return CounterIn(text, active) + CounterIn(text, inactive);
  };
  return std::max(both("active_file", "inactive_file"),
                  both("total_active_file", "total_inactive_file"));
}

}  // namespace

Result<void> GiveMemoryBack(int file, int stat, std::string_view text) {
  for (Duration pause = kFirstPause;; pause *= 2) {
    const ssize_t n = write(file, text.data(), text.size());
    // EAGAIN (v2): less than what was asked for, which is all that it has.
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      return Error::FromErrno("cannot give the memory of a paused sandbox back");
    }
    ASSIGN_OR_RETURN(const uint64_t left, FileCacheOf(stat));
    if (left <= kNextToNothing) return Ok();
    if (pause > kLastPause) {
      return Error(Code::kTimeout,
                   std::to_string(left >> 20) +
                       " MiB of file cache of a paused sandbox are in use and stay");
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace cove::sys
