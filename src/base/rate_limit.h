// RateLimit: a token bucket, for what a peer can repeat without end. Thread: a value.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace cove {

class RateLimit {
 public:
  RateLimit(double per_second, double burst)
      : per_second_(per_second), burst_(burst), tokens_(burst) {}

  // One token; false when there is none.
  bool Take(TimePoint now) {
    const double passed = std::chrono::duration<double>(now - last_).count();
    tokens_ = std::min(burst_, tokens_ + passed * per_second_);
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  TimePoint last_{};
};

}  // namespace cove
