// Waiter: the one thing that the loop, timers, descriptors and events wake.
//
// A Waiter is an intrusive list node that unlinks itself when destroyed, which is what makes
// "cancellation is destruction" safe: an awaiter in a dropped frame vanishes from every list.
// Thread: loop-confined.
#pragma once

#include <coroutine>

namespace cove::async {

struct ListNode {
  ListNode* prev = this;
  ListNode* next = this;
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { Unlink(); }
  bool linked() const { return next != this; }
  void Unlink() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
  void InsertBefore(ListNode& position) {
    Unlink();
    prev = position.prev;
    next = &position;
    prev->next = this;
    next->prev = this;
  }
};

// Fire() runs on the loop. The default resumes a coroutine.
struct Waiter : ListNode {
  std::coroutine_handle<> handle;
  virtual void Fire() { handle.resume(); }
  virtual ~Waiter() = default;
};

struct WaiterList {
  ListNode head;
  bool empty() const { return !head.linked(); }
  void PushBack(Waiter& w) { w.InsertBefore(head); }
  Waiter* PopFront() {
    if (empty()) return nullptr;
    auto* w = static_cast<Waiter*>(head.next);
    w->Unlink();
    return w;
  }
};

}  // namespace cove::async
