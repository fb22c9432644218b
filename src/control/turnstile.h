// Turnstile: lets coroutines through one at a time, in the order in which they asked.
//
//   const Turn turn = co_await turnstile.Enter();   // until `turn` is destroyed
//
// It must outlive every Turn and everyone who waits. One who is cancelled while waiting loses the
// place without holding up the others. Thread: loop-confined.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "async/event.h"

namespace cove::control {

class Turnstile;

class Turn {
 public:
  Turn() = default;
  Turn(Turnstile* turnstile, uint64_t number) : turnstile_(turnstile), number_(number) {}
  Turn(Turn&& other) noexcept
      : turnstile_(std::exchange(other.turnstile_, nullptr)), number_(other.number_) {}
  Turn& operator=(Turn&& other) noexcept {
    std::swap(turnstile_, other.turnstile_);
    std::swap(number_, other.number_);
    return *this;
  }
  inline ~Turn();

 private:
  friend class Turnstile;
  Turnstile* turnstile_ = nullptr;
  uint64_t number_ = 0;
};

class Turnstile {
 public:
  // The place in the queue is taken by the call, not by awaiting it.
  async::Task<Turn> Enter() { return WaitForTurn(this, Turn(this, next_++)); }
  bool busy() const { return serving_ != next_; }

 private:
  friend class Turn;
  static async::Task<Turn> WaitForTurn(Turnstile* self, Turn turn) {
    while (self->serving_ != turn.number_) co_await self->changed_.Wait();
    co_return std::move(turn);
  }
  void Leave(uint64_t number) {
    left_.insert(number);
    while (left_.erase(serving_) > 0) ++serving_;
    changed_.NotifyAll();
  }
  uint64_t next_ = 0;
  uint64_t serving_ = 0;
  std::set<uint64_t> left_;  // those who have left, and are not yet passed over
  async::Event changed_;
};

inline Turn::~Turn() {
  if (turnstile_ != nullptr) turnstile_->Leave(number_);
}

}  // namespace cove::control
