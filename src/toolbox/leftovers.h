// Leftovers keeps the output pipes of finished commands that something still holds: a server that
// was left in the background would die of SIGPIPE at its next line if we closed them. What comes is
// dropped. At most kLeftoversMax pipes; the oldest is given up first. Thread: loop-confined.
#pragma once

#include <list>

#include "async/task_group.h"
#include "base/unique_fd.h"

namespace cove::toolbox {

inline constexpr size_t kLeftoversMax = 256;

class Leftovers {
 public:
  // `fd`: the non-blocking reading end of a pipe, or a terminal's master.
  void Keep(UniqueFd fd);

 private:
  struct Pipe {
    UniqueFd fd;
    async::TaskGroup reader;
    bool ended = false;
  };
  static async::Task<void> Drain(Pipe* pipe);
  std::list<Pipe> pipes_;
};

}  // namespace cove::toolbox
