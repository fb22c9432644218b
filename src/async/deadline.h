// WithDeadline(task, when, what): the task's result, or a kTimeout error that names `what`, in
// which case the task is destroyed (cancelled) before this returns. Thread: loop-confined.
#pragma once

#include <string>

#include "async/task_group.h"

namespace cove::async {

namespace internal {
template <class T>
Task<void> StoreResult(Task<Result<T>> task, std::optional<Result<T>>* out, Event* done) {
  out->emplace(co_await std::move(task));
  done->Set();
}
}  // namespace internal

template <class T>
Task<Result<T>> WithDeadline(Task<Result<T>> task, TimePoint deadline, std::string what) {
  std::optional<Result<T>> out;
  Event done;
  TaskGroup group;
  group.Spawn(internal::StoreResult<T>(std::move(task), &out, &done));
  if (!co_await done.Wait(deadline)) {
    co_return Error(Code::kTimeout, what + " did not finish in time");
  }
  co_return std::move(*out);
}

}  // namespace cove::async
