#include "sys/oom_count.h"

#include <unistd.h>

#include <cerrno>

#include "sys/small_file.h"

namespace cove::sys {
namespace {

Result<uint64_t> ReadCounter(int fd, std::string_view name) {
  char buffer[1024];
  ssize_t n;
  do {
    n = pread(fd, buffer, sizeof buffer, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return Error::FromErrno("cannot read the count of out-of-memory kills");
  return CounterIn(std::string_view(buffer, static_cast<size_t>(n)), name);
}

}  // namespace

Result<uint64_t> ReadOomKills(int fd) { return ReadCounter(fd, "oom_kill"); }

Result<uint64_t> ReadOutOfMemory(int fd) { return ReadCounter(fd, "oom"); }

}  // namespace cove::sys
