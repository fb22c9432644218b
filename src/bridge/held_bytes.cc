#include "bridge/held_bytes.h"

#include <utility>

namespace cove::bridge {

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
    if (of_caller.bytes + more > all_->caller_max_) return HeldBytes::Room::kNotForCaller;
    if (all_->held_ + more > all_->all_max_) return HeldBytes::Room::kNotAtAll;
  }
  const size_t before = std::exchange(bytes_, bytes);
  of_caller.bytes += bytes - before;
  all_->held_ += bytes - before;
  return HeldBytes::Room::kYes;
}

}  // namespace cove::bridge
