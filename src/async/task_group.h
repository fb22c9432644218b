// TaskGroup owns tasks that nobody awaits. There is no other way to detach one.
//
// Make it the *last member* of its owner: it is then destroyed first, and every task that could
// still touch the owner is gone before the owner's other members are. Destruction cancels all.
// A task may not destroy the group it runs in. Thread: loop-confined.
#pragma once

#include "async/event.h"

namespace cove::async {

class TaskGroup {
 public:
  TaskGroup() { reaper_.group = this; }
  ~TaskGroup() { Clear(); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` on the next turn of the loop. An exception that leaves it ends the process
  // with the exception's text: it is a bug, not an outcome.
  void Spawn(Task<void> task);
  size_t size() const { return count_; }
  // Waits until no task is left.
  Task<void> Join();
  // Cancels all. Must not be called by one of them.
  void Clear();

 private:
  struct Node : ListNode {
    TaskGroup* group = nullptr;
    Waiter starter;  // in the loop's ready list until the task's first turn
    Task<void> runner;
  };
  struct Reaper : Waiter {
    TaskGroup* group = nullptr;
    void Fire() override { group->Reap(); }
  };
  static Task<void> Drive(Node* node, Task<void> task);
  void Reap();

  ListNode running_;
  ListNode finished_;
  size_t count_ = 0;
  Reaper reaper_;
  Event empty_;
};

}  // namespace cove::async
