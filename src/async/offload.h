// Offload runs blocking work (getaddrinfo, fsync, SQLite, big file reads) on a small pool of
// threads and resumes the caller on its loop. If the caller is cancelled the work still finishes,
// its result is dropped: `fn` must own all it touches. Thread: the pool is thread-safe; awaiting is
// loop-confined.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <thread>

#include "async/event.h"

namespace cove::async {

class ThreadPool {
 public:
  explicit ThreadPool(size_t threads);
  // Finishes what is queued, then joins.
  ~ThreadPool();
  void Submit(std::function<void()> fn);

 private:
  void Work();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

template <class Fn>
auto Offload(ThreadPool& pool, Fn fn) -> Task<decltype(fn())> {
  using T = decltype(fn());
  struct State {
    std::optional<T> value;
    Event* done = nullptr;  // null once the caller is gone; touched on the loop only
  };
  auto state = std::make_shared<State>();
  Event done;
  struct Detach {
    State* state;
    ~Detach() { state->done = nullptr; }
  } detach{state.get()};
  state->done = &done;
  Loop* loop = &Loop::Current();
  pool.Submit([state, loop, fn = std::move(fn)]() mutable {
    state->value.emplace(fn());
    loop->Post([state] {
      if (state->done != nullptr) state->done->Set();
    });
  });
  co_await done.Wait();
  co_return std::move(*state->value);
}

}  // namespace cove::async
