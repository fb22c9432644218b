#include "sys/oom_count.h"

#include <unistd.h>

#include <cerrno>

#include "base/text.h"

namespace cove::sys {

uint64_t CounterIn(std::string_view text, std::string_view name) {
  for (std::string_view line : Split(text, '\n')) {
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ' ') {
      return ParseInt<uint64_t>(Trim(line.substr(name.size()))).value_or(0);
    }
  }
  return 0;
}

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
