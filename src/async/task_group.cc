#include "async/task_group.h"

#include <cstdio>
#include <cstdlib>

namespace cove::async {

Task<void> TaskGroup::Drive(Node* node, Task<void> task) {
  try {
    co_await std::move(task);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cove: exception left a task: %s\n", e.what());
    std::abort();
  }
  // The frame is still running: it is destroyed on a later turn, by the reaper.
  node->InsertBefore(node->group->finished_);
  if (!node->group->reaper_.linked()) Loop::Current().Schedule(node->group->reaper_);
}

void TaskGroup::Spawn(Task<void> task) {
  auto* node = new Node;
  node->group = this;
  node->runner = Drive(node, std::move(task));
  auto awaiter = std::move(node->runner).operator co_await();
  node->starter.handle = awaiter.await_suspend(std::noop_coroutine());
  node->InsertBefore(running_);
  ++count_;
  empty_.Reset();
  Loop::Current().Schedule(node->starter);
}

void TaskGroup::Reap() {
  while (finished_.linked()) {
    delete static_cast<Node*>(finished_.next);
    --count_;
  }
  if (count_ == 0) empty_.Set();
}

Task<void> TaskGroup::Join() {
  if (count_ != 0) co_await empty_.Wait();
}

void TaskGroup::Clear() {
  while (running_.linked()) {
    auto* node = static_cast<Node*>(running_.next);
    node->Unlink();
    delete node;
    --count_;
  }
  Reap();
}

}  // namespace cove::async
