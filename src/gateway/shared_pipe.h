// One pipe of the thread for moving bytes from socket to socket without reading them (splice(2)).
//
// It is empty whenever anything is awaited: what the receiving socket does not take at once is read
// out again, so two descriptors serve any number of tunnels. Thread: thread-local.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::gateway {

class SharedPipe {
 public:
  static constexpr size_t kBytes = 256 * 1024;

  // Null: there is none to be had; read and write then.
  static SharedPipe* OfThread();

  struct Moved {
    size_t bytes = 0;  // that came; 0: `from` has ended, or see `would_block`
    bool would_block = false;
    std::string rest;  // of them, that `to` did not take
  };
  // At most `most`, and kBytes. Both are non-blocking sockets.
  Result<Moved> Move(int from, int to, size_t most);

 private:
  SharedPipe(UniqueFd read, UniqueFd write) : read_(std::move(read)), write_(std::move(write)) {}
  Result<std::string> TakeOut(size_t bytes);

  UniqueFd read_;
  UniqueFd write_;
};

}  // namespace cove::gateway
