#include "async/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "async/fd_watch.h"

namespace cove::async {
namespace {
thread_local Loop* current = nullptr;
}

Loop::Loop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      previous_(current) {
  if (!epoll_ || !wake_) std::abort();  // out of descriptors before anything ran
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  current = this;
}

Loop::~Loop() { current = previous_; }

Loop& Loop::Current() {
  if (current == nullptr) std::abort();
  return *current;
}

void Loop::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_requested_ = true;
  }
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);
}

void Loop::Post(std::function<void()> fn) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(fn));
    // Who came first has woken the loop, which takes all there is after it has seen that.
    if (posted_.size() > 1) return;
  }
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);
}

void Loop::Run() {
  stop_ = false;
  while (!stop_) Turn(true);
}

void Loop::RunPosted() {
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posted_);
    if (stop_requested_) stop_ = true;
    stop_requested_ = false;
  }
  for (auto& fn : batch) fn();
}

void Loop::FireTimers() {
  const TimePoint now = Now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Waiter* w = timers_.begin()->second;
    timers_.erase(timers_.begin());
    w->Fire();
  }
}

void Loop::Turn(bool may_block) {
  // Only what is ready now is run, so that a task that reschedules itself cannot starve the rest.
  // The batch stays a linked list: a waiter destroyed meanwhile takes itself out of it.
  WaiterList batch;
  while (Waiter* w = ready_.PopFront()) batch.PushBack(*w);
  while (Waiter* w = batch.PopFront()) w->Fire();

  timespec wait{};
  timespec* timeout = nullptr;
  if (!may_block || !ready_.empty() || stop_) {
    timeout = &wait;
  } else if (!timers_.empty()) {
    const auto left = std::max(timers_.begin()->first - Now(), Duration::zero());
    wait.tv_sec = std::chrono::duration_cast<seconds>(left).count();
    wait.tv_nsec =
        std::chrono::duration_cast<std::chrono::nanoseconds>(left).count() % 1'000'000'000;
    timeout = &wait;
  }
  std::array<epoll_event, 128> events;
  const long n = syscall(SYS_epoll_pwait2, epoll_.get(), events.data(), events.size(), timeout,
                         nullptr, size_t{8});
  dispatching_.clear();
  bool posted = false;
  for (long i = 0; i < n; ++i) {
    auto* watch = static_cast<FdWatch*>(events[static_cast<size_t>(i)].data.ptr);
    dispatching_.push_back(watch);
    if (watch == nullptr) {
      posted = true;
      uint64_t count = 0;
      (void)!read(wake_.get(), &count, sizeof count);
    }
  }
  for (size_t i = 0; i < dispatching_.size(); ++i) {
    if (dispatching_[i] != nullptr) {
      dispatching_[i]->OnEvents(events[i].events);
    }
  }
  dispatching_.clear();
  if (posted) RunPosted();
  FireTimers();
}

}  // namespace cove::async
