// Turn: one at a time, in the order asked. Thread: loop-confined.
//
//   const auto mine = co_await turn.Take();   // until `mine` is dropped
#pragma once

#include <utility>

#include "async/event.h"

namespace cove::runner {

class Turn {
 public:
  class Held {
   public:
    explicit Held(Turn* turn) : turn_(turn) {}
    Held(Held&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (turn_ == nullptr) return;
      turn_->taken_ = false;
      turn_->free_.NotifyAll();
    }

   private:
    Turn* turn_;
  };
  // The turn must outlive what it gives.
  async::Task<Held> Take() {
    while (taken_) co_await free_.Wait();
    taken_ = true;
    co_return Held(this);
  }
  bool taken() const { return taken_; }

 private:
  bool taken_ = false;
  async::Event free_;
};

}  // namespace cove::runner
