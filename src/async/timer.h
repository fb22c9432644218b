// Sleep and the building block for deadlines. Thread: loop-confined.
#pragma once

#include "async/loop.h"

namespace cove::async {

// co_await Sleep(5ms) or SleepUntil(when).
class [[nodiscard]] SleepUntil : public Waiter {
 public:
  explicit SleepUntil(TimePoint when, Loop& loop = Loop::Current())
      : loop_(loop), when_(when), it_(loop.no_timer()) {}
  ~SleepUntil() override {
    if (armed_) loop_.RemoveTimer(it_);
  }
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle = h;
    it_ = loop_.AddTimer(when_, *this);
    armed_ = true;
  }
  void await_resume() noexcept {}
  void Fire() override {
    armed_ = false;
    handle.resume();
  }

 private:
  Loop& loop_;
  TimePoint when_;
  Loop::Timers::iterator it_;
  bool armed_ = false;
};

inline SleepUntil Sleep(Duration d) { return SleepUntil(Now() + d); }

// co_await Yield(): lets everything else that is ready run first.
class [[nodiscard]] Yield : public Waiter {
 public:
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle = h;
    Loop::Current().Schedule(*this);
  }
  void await_resume() noexcept {}
};

}  // namespace cove::async
