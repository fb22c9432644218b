#include "bridge/key_ring.h"

#include <algorithm>
#include <numeric>

namespace cove::bridge {

std::vector<size_t> KeyRing::Order(TimePoint now) const {
  std::vector<size_t> out(resting_until_.size());
  std::iota(out.begin(), out.end(), size_t{0});
  auto rest = [&](size_t key) {
    return resting_until_[key] <= now ? TimePoint::min() : resting_until_[key];
  };
  std::sort(out.begin(), out.end(),
            [&](size_t a, size_t b) { return std::pair(rest(a), a) < std::pair(rest(b), b); });
  return out;
}

}  // namespace cove::bridge
