// Shells made ahead, so that a start pays only for what is particular to its box. Two thirds of a
// start are the same for every box (docs/decisions/0013).
//
// Concept: at most `size` shells wait; an empty stock makes one on the spot, by the same code. It
// is filled again one by one while no start is under way, because making one holds up the loop for
// about a millisecond. A shell that died meanwhile is thrown away. Shells are never used twice.
// Thread: loop-confined. The kit must outlive this.
#pragma once

#include <deque>

#include "async/task_group.h"
#include "sandbox/shell.h"

namespace cove::sandbox {

class ShellStock {
 public:
  ShellStock(const LaunchKit& kit, size_t size);

  Result<Shell> Take();
  size_t waiting() const { return shells_.size(); }

  // While one lives, nothing is made ahead.
  class Start {
   public:
    explicit Start(ShellStock& stock) : stock_(stock) { ++stock_.starts_; }
    ~Start() {
      if (--stock_.starts_ == 0) stock_.changed_.NotifyAll();
    }
    Start(const Start&) = delete;
    Start& operator=(const Start&) = delete;

   private:
    ShellStock& stock_;
  };

 private:
  async::Task<void> Fill();
  const LaunchKit& kit_;
  const size_t size_;
  size_t starts_ = 0;
  std::deque<Shell> shells_;
  async::Event changed_;
  async::TaskGroup filler_;
};

}  // namespace cove::sandbox
