// FrontLink: the runner's end of the channel to one front. Replies of operations that a front did
// not live to see go into a dead link, and vanish. What waits for the front is bounded: one that
// does not read is taken off. Thread: loop-confined; shared by those who reply.
#pragma once

#include <memory>

#include "async/event.h"
#include "proto/runner.h"

namespace cove::runner {

using async::Task;

class FrontLink {
 public:
  // A message is queued however long it is, unless more than this waits before it.
  static constexpr size_t kWaitingBytesMax = 32 << 20;

  explicit FrontLink(UniqueFd channel);

  // Queued, of any length; the descriptors are the link's from now on. Nothing happens on a dead
  // link.
  template <class Message>
  void Send(proto::runner::Type type, const Message& message, std::vector<UniqueFd> fds = {}) {
    if (!dead_) Push({type, proto::Encode(message), std::move(fds)});
  }
  // kClosed when the front is gone, or was taken off. One reader.
  Task<Result<proto::Frame>> Receive() { return channel_.Receive(); }
  // Writes what is queued until the channel breaks; the front is of no use then. One writer.
  Task<void> Write();
  void Die() { dead_ = true; }

 private:
  struct Outgoing {
    proto::runner::Type type;
    std::string body;
    std::vector<UniqueFd> fds;
    size_t bytes() const { return sizeof(Outgoing) + body.size(); }
  };
  void Push(Outgoing message);
  Task<Result<void>> WriteOne(Outgoing message);

  proto::Channel channel_;
  async::Queue<Outgoing> outgoing_;
  size_t waiting_bytes_ = 0;
  size_t waiting_fds_ = 0;
  size_t waiting_fds_max_;
  bool dead_ = false;
};

}  // namespace cove::runner
