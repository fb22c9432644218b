#include "sys/oom_count.h"

#include "sys/small_file.h"

namespace cove::sys {
namespace {

Result<uint64_t> ReadCounter(int fd, std::string_view name) {
  ASSIGN_OR_RETURN(const std::string text, ReadOpenFile(fd, "the count of out-of-memory kills"));
  return CounterIn(text, name);
}

}  // namespace

Result<uint64_t> ReadOomKills(int fd) { return ReadCounter(fd, "oom_kill"); }

Result<uint64_t> ReadOutOfMemory(int fd) { return ReadCounter(fd, "oom"); }

}  // namespace cove::sys
