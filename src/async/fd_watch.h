// FdWatch tells when a non-blocking descriptor can be read or written. It does not own it.
//
// Use: try the call; on EAGAIN co_await watch.Readable(deadline) and try again. Readiness that
// comes while nobody waits is remembered. Destroy the watch before closing the descriptor.
// At most one coroutine waits for each direction. Thread: loop-confined.
#pragma once

#include "async/timer.h"

namespace cove::async {

class FdWatch {
 public:
  explicit FdWatch(int fd, Loop& loop = Loop::Current());
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  int fd() const { return fd_; }

  // co_await gives false when the deadline passed first.
  class [[nodiscard]] Wait;
  Wait Readable(TimePoint deadline = kNever);
  Wait Writable(TimePoint deadline = kNever);

  // Called by the loop.
  void OnEvents(uint32_t events);

 private:
  struct Side {
    bool ready = false;
    Wait* waiting = nullptr;
  };
  Loop& loop_;
  int fd_;
  Side read_;
  Side write_;
};

class [[nodiscard]] FdWatch::Wait : public Waiter {
 public:
  Wait(Loop& loop, Side& side, TimePoint deadline)
      : loop_(loop), side_(side), deadline_(deadline), timer_(loop.no_timer()) {}
  ~Wait() override { Disarm(); }
  Wait(const Wait&) = delete;

  bool await_ready() noexcept { return std::exchange(side_.ready, false); }
  void await_suspend(std::coroutine_handle<> h) {
    handle = h;
    side_.waiting = this;
    if (deadline_ != kNever) {
      timer_ = loop_.AddTimer(deadline_, *this);
      armed_ = true;
    }
  }
  bool await_resume() noexcept { return !timed_out_; }

  // The timer: the loop has taken the entry out of its map already.
  void Fire() override {
    armed_ = false;
    timed_out_ = true;
    Disarm();
    handle.resume();
  }
  void OnReady() {
    Disarm();
    handle.resume();
  }

 private:
  void Disarm() {
    if (armed_) loop_.RemoveTimer(timer_);
    armed_ = false;
    if (side_.waiting == this) side_.waiting = nullptr;
  }
  Loop& loop_;
  Side& side_;
  TimePoint deadline_;
  Loop::Timers::iterator timer_;
  bool armed_ = false;
  bool timed_out_ = false;
};

inline FdWatch::Wait FdWatch::Readable(TimePoint deadline) { return {loop_, read_, deadline}; }
inline FdWatch::Wait FdWatch::Writable(TimePoint deadline) { return {loop_, write_, deadline}; }

}  // namespace cove::async
