#include "bridge/agent_watch.h"

#include <utility>

namespace cove::bridge {

using async::Task;

Task<void> AgentWatch::Note(Task<void> gone, AgentWatch* watch) {
  co_await std::move(gone);
  watch->is_gone_ = true;
  watch->left_.Set();
  if (watch->wake_ != nullptr) watch->wake_->NotifyAll();
}

void AgentWatch::Start() {
  if (gone_) group_.Spawn(Note(std::exchange(gone_, {})(), this));
}

Task<bool> AgentWatch::Wait(TimePoint deadline) {
  Start();
  co_await async::Yield();
  if (Now() < deadline) (void)co_await left_.Wait(deadline);
  co_return !is_gone_;
}

}  // namespace cove::bridge
