// Promises: what all sandboxes have been promised, counted as they come, change and go, because a
// create with a thousand of them would otherwise look at each. Whole bytes, so that nothing is lost
// to rounding, however many pass. Thread: loop-confined.
#pragma once

#include "control/admission.h"
#include "control/sandbox.h"

namespace cove::control {

class Promises {
 public:
  // Each sandbox once, and dropped as it was when it was added.
  void Add(const Sandbox& sandbox);
  void Drop(const Sandbox& sandbox);
  Promised now() const;

 private:
  void Count(const Sandbox& sandbox, int64_t sign);
  int64_t sandboxes_ = 0;
  int64_t memory_bytes_ = 0;
  int64_t disk_bytes_ = 0;
};

}  // namespace cove::control
