// BodyPace: how fast a request must come in, so that nobody takes room by being slow: each step of
// so many bytes within so much time, but for the last. Thread: a value.
#pragma once

#include "base/clock.h"

namespace cove::bridge {

class BodyPace {
 public:
  BodyPace(size_t step_bytes, Duration step_time)
      : step_bytes_(step_bytes),
        step_time_(step_time),
        due_(step_bytes),
        until_(Now() + step_time) {}

  // When the step under way must have come.
  TimePoint until() const { return until_; }
  // So much has come in all.
  void Has(size_t bytes) {
    if (bytes < due_) return;
    due_ = bytes + step_bytes_;
    until_ = Now() + step_time_;
  }

 private:
  size_t step_bytes_;
  Duration step_time_;
  size_t due_;
  TimePoint until_;
};

}  // namespace cove::bridge
