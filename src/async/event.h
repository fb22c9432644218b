// Event: coroutines wait until it is set (manual reset). Queue<T>: an unbounded FIFO whose Pop()
// waits. Waiters are woken through the loop, never inside Set(), so a setter is not re-entered.
// Both must outlive their waiters. Thread: loop-confined.
#pragma once

#include <deque>

#include "async/timer.h"

namespace cove::async {

class Event {
 public:
  bool is_set() const { return set_; }
  void Set() {
    set_ = true;
    NotifyAll();
  }
  void Reset() { set_ = false; }
  // Wakes all who wait now without staying set: a condition variable's broadcast.
  void NotifyAll() {
    while (Waiter* w = waiters_.PopFront()) {
      static_cast<WaitAwaiter*>(w)->notified_ = true;
      Loop::Current().Schedule(*w);
    }
  }

  // co_await gives true when set (or notified), false at the deadline.
  class [[nodiscard]] WaitAwaiter : public Waiter {
   public:
    WaitAwaiter(Event& event, TimePoint deadline) : event_(event), deadline_(deadline) {}
    ~WaitAwaiter() override { Disarm(); }
    WaitAwaiter(const WaitAwaiter&) = delete;
    bool await_ready() noexcept { return event_.set_; }
    void await_suspend(std::coroutine_handle<> h) {
      handle = h;
      event_.waiters_.PushBack(*this);
      if (deadline_ != kNever) {
        timer_.owner = this;
        it_ = Loop::Current().AddTimer(deadline_, timer_);
        armed_ = true;
      }
    }
    bool await_resume() noexcept { return !timed_out_; }
    void Fire() override {
      Disarm();
      handle.resume();
    }

   private:
    friend class Event;
    struct Timer : Waiter {
      WaitAwaiter* owner = nullptr;
      void Fire() override {
        owner->armed_ = false;
        // It is about to be resumed: after a stall both may be due in one turn, and what has
        // happened is not late.
        if (owner->notified_) return;
        owner->timed_out_ = true;
        owner->Unlink();
        owner->Waiter::handle.resume();
      }
    };
    void Disarm() {
      if (armed_) Loop::Current().RemoveTimer(it_);
      armed_ = false;
    }
    Event& event_;
    TimePoint deadline_;
    Timer timer_;
    Loop::Timers::iterator it_;
    bool armed_ = false;
    bool notified_ = false;
    bool timed_out_ = false;
  };
  WaitAwaiter Wait(TimePoint deadline = kNever) { return {*this, deadline}; }

 private:
  bool set_ = false;
  WaiterList waiters_;
};

template <class T>
class Queue {
 public:
  void Push(T value) {
    items_.push_back(std::move(value));
    changed_.NotifyAll();
  }
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  Task<T> Pop() {
    while (items_.empty()) co_await changed_.Wait();
    T value = std::move(items_.front());
    items_.pop_front();
    co_return value;
  }

 private:
  std::deque<T> items_;
  Event changed_;
};

}  // namespace cove::async
