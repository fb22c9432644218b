// Clock: the time that counts against the limits of commands. It stands still while the sandbox is
// paused: the host says so before it freezes us and after it has thawed us, since we cannot tell.
// Thread: loop-confined.
#pragma once

#include "async/event.h"

namespace cove::toolbox {

class Clock {
 public:
  Duration Elapsed() const { return (stopped_ ? stopped_at_ : Now()) - lost_ - TimePoint(); }
  void Stop() {
    if (stopped_) return;
    stopped_ = true;
    stopped_at_ = Now();
    changed_.NotifyAll();
  }
  void Start() {
    if (!stopped_) return;
    stopped_ = false;
    lost_ += Now() - stopped_at_;
    changed_.NotifyAll();
  }
  // Returns when `limit` has counted from now on. The clock must outlive the task.
  async::Task<void> Pass(Duration limit) { return PassFor(this, Elapsed() + limit); }

 private:
  static async::Task<void> PassFor(Clock* self, Duration end) {
    while (self->Elapsed() < end) {
      const TimePoint at = self->stopped_ ? kNever : Now() + (end - self->Elapsed());
      co_await self->changed_.Wait(at);
    }
  }
  bool stopped_ = false;
  TimePoint stopped_at_;
  Duration lost_{};
  async::Event changed_;
};

}  // namespace cove::toolbox
