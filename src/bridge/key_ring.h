// KeyRing: in which order a provider's keys are tried. A key that was refused is put behind the
// others for a while; it is never left out, because the provider's own answer is the truth.
// Thread: loop-confined, no clock of its own.
#pragma once

#include <vector>

#include "base/clock.h"

namespace cove::bridge {

class KeyRing {
 public:
  explicit KeyRing(size_t keys) : resting_until_(keys, TimePoint::min()) {}

  // All keys by their place: those that are not resting in their order, then the others, the one
  // that has rested first before.
  std::vector<size_t> Order(TimePoint now) const;
  void Rest(size_t key, TimePoint until) { resting_until_[key] = until; }
  void Wake(size_t key) { resting_until_[key] = TimePoint::min(); }

 private:
  std::vector<TimePoint> resting_until_;
};

}  // namespace cove::bridge
