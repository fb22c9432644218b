// Background: a task that runs to its end in a group, whoever waits for it.
//
//   Background<Sandbox> work(tasks_, RunCreate(entry));   // starts on the loop's next turn
//   co_return co_await work.Wait();                       // may be cancelled; the work goes on
//
// Several may wait; each gets a copy of the result. The group must outlive the work, not the
// Background object. Thread: loop-confined.
#pragma once

#include <memory>
#include <optional>

#include "async/task_group.h"
#include "base/result.h"

namespace cove::control {

using async::Task;

template <class T>
class Background {
 public:
  Background(async::TaskGroup& group, Task<Result<T>> task) : state_(std::make_shared<State>()) {
    group.Spawn(Drive(state_, std::move(task)));
  }
  bool finished() const { return state_->done.is_set(); }
  Task<Result<T>> Wait() const { return WaitFor(state_); }

 private:
  struct State {
    std::optional<Result<T>> result;
    async::Event done;
  };
  static Task<void> Drive(std::shared_ptr<State> state, Task<Result<T>> task) {
    state->result.emplace(co_await std::move(task));
    state->done.Set();
  }
  static Task<Result<T>> WaitFor(std::shared_ptr<State> state) {
    co_await state->done.Wait();
    co_return *state->result;
  }
  std::shared_ptr<State> state_;
};

}  // namespace cove::control
