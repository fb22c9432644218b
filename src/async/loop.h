// Loop: one event loop per thread, over epoll, with timers and a queue for other threads.
//
// Everything else of Cove is loop-confined unless its header says otherwise. Only Post() and
// Stop() may be called from other threads. See docs/decisions/0002-own-event-loop.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "async/task.h"
#include "async/waiter.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::async {

class FdWatch;

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The loop whose constructor ran last on this thread. REQUIRES: there is one.
  static Loop& Current();

  // Dispatches until Stop().
  void Run();
  // Thread-safe.
  void Stop();
  // Runs `fn` on the loop soon. Thread-safe.
  void Post(std::function<void()> fn);

  // Runs the loop until `task` has finished; for main() and tests.
  template <class T>
  T RunUntil(Task<T> task);

  // Fires `waiter` on the next turn of the loop (in the order scheduled).
  void Schedule(Waiter& waiter) { ready_.PushBack(waiter); }

  // Timers. A TimerEntry is armed while it is in the map; see timer.h for what to use.
  using Timers = std::multimap<TimePoint, Waiter*>;
  Timers::iterator AddTimer(TimePoint when, Waiter& waiter) {
    return timers_.emplace(when, &waiter);
  }
  void RemoveTimer(Timers::iterator it) { timers_.erase(it); }
  Timers::iterator no_timer() { return timers_.end(); }

 private:
  friend class FdWatch;
  void Turn(bool may_block);
  void RunPosted();
  void FireTimers();

  UniqueFd epoll_;
  UniqueFd wake_;
  WaiterList ready_;
  Timers timers_;
  bool stop_ = false;
  // Watches being dispatched in this turn: a watch that is destroyed meanwhile is struck out.
  std::vector<FdWatch*> dispatching_;

  std::mutex mutex_;  // guards posted_ and stop_requested_
  std::vector<std::function<void()>> posted_;
  bool stop_requested_ = false;
  Loop* previous_;
};

template <class T>
T Loop::RunUntil(Task<T> task) {
  bool done = false;
  if constexpr (std::is_void_v<T>) {
    auto wrap = [](Task<void> inner, bool* flag, Loop* loop) -> Task<void> {
      co_await std::move(inner);
      *flag = true;
      loop->Stop();
    }(std::move(task), &done, this);
    struct Starter : Waiter {
    } starter;
    auto awaiter = std::move(wrap).operator co_await();
    starter.handle = awaiter.await_suspend(std::noop_coroutine());
    Schedule(starter);
    while (!done && !awaiter.handle.done()) Run();
    awaiter.await_resume();
  } else {
    std::optional<T> out;
    auto wrap = [](Task<T> inner, std::optional<T>* slot, bool* flag, Loop* loop) -> Task<void> {
      slot->emplace(co_await std::move(inner));
      *flag = true;
      loop->Stop();
    }(std::move(task), &out, &done, this);
    struct Starter : Waiter {
    } starter;
    auto awaiter = std::move(wrap).operator co_await();
    starter.handle = awaiter.await_suspend(std::noop_coroutine());
    Schedule(starter);
    while (!done && !awaiter.handle.done()) Run();
    awaiter.await_resume();
    return std::move(*out);
  }
}

}  // namespace cove::async
