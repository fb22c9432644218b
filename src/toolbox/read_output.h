// One read of what a process has written into a pipe or a terminal that does not block.
// Thread: pure functions.
#pragma once

#include <cstddef>
#include <string>

namespace cove::toolbox {

enum class Took {
  kSome,
  kNothing,  // now
  kEnd,      // for ever: EOF, or EIO of a terminal without a slave
};

// Into `buffer`, which holds what was read, at most `max` bytes, after kSome only.
Took ReadOutput(int fd, size_t max, std::string* buffer);

}  // namespace cove::toolbox
