// AgentWatch: whether whoever asked for a call is still there, while the call has to wait.
// Thread: loop-confined.
#pragma once

#include <functional>

#include "async/task_group.h"

namespace cove::bridge {

// Ends when whoever asked for a call has gone away. Called where the call has to wait, and
// destroyed when it need not wait any more.
using Gone = std::function<async::Task<void>()>;

class AgentWatch {
 public:
  // An empty one never goes away. `wake` is notified when it does; may be null, else it outlives
  // the object.
  explicit AgentWatch(Gone gone, async::Event* wake = nullptr)
      : gone_(std::move(gone)), wake_(wake) {}
  AgentWatch(const AgentWatch&) = delete;

  // From now on it is looked at; a call that need not wait pays nothing for it.
  void Start();
  bool gone() const { return is_gone_; }
  // Starts, waits until then, and sees what has come by then also if that is over already. False:
  // the agent has gone.
  async::Task<bool> Wait(TimePoint deadline);

 private:
  static async::Task<void> Note(async::Task<void> gone, AgentWatch* watch);

  Gone gone_;
  async::Event* wake_;
  bool is_gone_ = false;
  async::Event left_;
  async::TaskGroup group_;  // last: its task uses all the others
};

}  // namespace cove::bridge
