#include "bridge/held_bytes.h"

#include <algorithm>
#include <utility>

namespace cove::bridge {
namespace {
constexpr size_t kPartOfTheRest = 3;
}

void HeldShare::Join(HeldBytes& all, const std::string& caller) {
  all_ = &all;
  caller_ = all.callers_.try_emplace(caller).first;
  ++caller_->second.shares;
}

HeldShare::~HeldShare() {
  if (all_ == nullptr) return;
  (void)Set(0);
  if (--caller_->second.shares == 0) all_->callers_.erase(caller_);
}

HeldBytes::Room HeldShare::Set(size_t bytes) {
  HeldBytes::Held& of_caller = caller_->second;
  if (bytes > bytes_) {
    const size_t more = bytes - bytes_;
    const size_t own = of_caller.bytes + more;
    const size_t left = all_->all_max_ - std::min(all_->all_max_, all_->held_ + more);
    if (own > left / kPartOfTheRest) {
      const bool alone = own > all_->all_max_ / (kPartOfTheRest + 1);
      return alone ? HeldBytes::Room::kNotForCaller : HeldBytes::Room::kNotAtAll;
    }
  }
  const size_t before = std::exchange(bytes_, bytes);
  of_caller.bytes += bytes - before;
  all_->held_ += bytes - before;
  return HeldBytes::Room::kYes;
}

}  // namespace cove::bridge
