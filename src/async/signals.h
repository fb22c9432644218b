// Signals as a stream of numbers on the loop (signalfd). Construct in main() before any thread
// starts: it blocks the signals for the process. Children must unblock them. Thread: loop-confined.
#pragma once

#include <initializer_list>

#include "async/fd_watch.h"

namespace cove::async {

// Blocks the signals for the process and gives their signalfd, non-blocking.
UniqueFd BlockSignals(std::initializer_list<int> signals);

class Signals {
 public:
  explicit Signals(std::initializer_list<int> signals);
  // The next signal's number.
  Task<int> Next();

 private:
  UniqueFd fd_;
  FdWatch watch_;
};

}  // namespace cove::async
