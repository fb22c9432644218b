// SlotsInUse: which slots of host uids (box_record.h) boxes have now. Counted, because at a
// recovery two boxes may say that they have the same. Thread: one. Holds may outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace cove::runner {

class SlotsInUse {
  using Holders = std::vector<uint32_t>;  // by slot

 public:
  // A slot is in use for as long as one of these lives.
  class Hold {
   public:
    Hold() = default;
    Hold(const SlotsInUse& all, uint32_t slot) : holders_(all.holders_), slot_(slot) {
      if (slot >= holders_->size()) holders_->resize(size_t{slot} + 1);
      ++(*holders_)[slot];
    }
    Hold(Hold&& other) noexcept : holders_(std::move(other.holders_)), slot_(other.slot_) {}
    Hold& operator=(Hold other) noexcept {
      std::swap(holders_, other.holders_);
      std::swap(slot_, other.slot_);
      return *this;
    }
    ~Hold() {
      if (holders_) --(*holders_)[slot_];
    }

   private:
    std::shared_ptr<Holders> holders_;
    uint32_t slot_ = 0;
  };

  bool Has(uint32_t slot) const { return slot < holders_->size() && (*holders_)[slot] > 0; }

 private:
  std::shared_ptr<Holders> holders_ = std::make_shared<Holders>();
};

}  // namespace cove::runner
