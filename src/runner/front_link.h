// FrontLink: the runner's end of the channel to one front. Replies of operations that a front did
// not live to see go into a dead link, and vanish. Thread: loop-confined; shared by those who
// reply.
#pragma once

#include <memory>

#include "async/event.h"
#include "proto/runner.h"

namespace cove::runner {

using async::Task;

class FrontLink {
 public:
  explicit FrontLink(UniqueFd channel) : channel_(std::move(channel)) {}

  // Queued; the descriptors are the link's from now on. Nothing happens on a dead link.
  template <class Message>
  void Send(proto::runner::Type type, const Message& message, std::vector<UniqueFd> fds = {}) {
    if (!dead_) outgoing_.Push({type, proto::Encode(message), std::move(fds)});
  }
  // kClosed when the front is gone. One reader.
  Task<Result<proto::Frame>> Receive() { return channel_.Receive(); }
  // Writes what is queued until the channel breaks. One writer.
  Task<void> Write();
  void Die() { dead_ = true; }

 private:
  struct Outgoing {
    proto::runner::Type type;
    std::string body;
    std::vector<UniqueFd> fds;
  };
  proto::Channel channel_;
  async::Queue<Outgoing> outgoing_;
  bool dead_ = false;
};

}  // namespace cove::runner
