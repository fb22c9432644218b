// SharedChannel: a channel on which several tasks may send; frames never interleave.
//
// A sender that is cancelled in the middle of its frame breaks the channel: what would follow could
// not be told apart, so later sends say kClosed. One task at a time may receive.
// Thread: loop-confined. Must outlive its senders and its receiver.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/event.h"
#include "proto/toolbox.h"

namespace cove::proto::toolbox {

class SharedChannel {
 public:
  explicit SharedChannel(UniqueFd fd) : channel_(std::move(fd)) {}
  explicit SharedChannel(std::unique_ptr<net::SocketStream> stream) : channel_(std::move(stream)) {}
  Task<Result<Frame>> Receive() { return channel_.Receive(); }
  // Raw frames of at most kPieceBytes each. `bytes` must stay until this returns.
  Task<Result<void>> SendBytes(Type type, std::string_view bytes);
  template <class Message>
  Task<Result<void>> SendMessage(Type type, Message message) {
    return SendWhole(type, Encode(message));
  }
  Task<Result<void>> SendWhole(Type type, std::string body, std::vector<int> fds = {});
  int fd() { return channel_.stream().fd(); }

  static constexpr size_t kPieceBytes = 256 * 1024;

 private:
  Task<Result<void>> SendInTurn(Type type, std::string_view body, std::vector<int> fds);

  Channel channel_;
  bool sending_ = false;
  bool broken_ = false;
  async::Event idle_;
};

}  // namespace cove::proto::toolbox
