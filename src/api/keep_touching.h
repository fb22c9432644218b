// A task that counts a sandbox as used for as long as it lives. Thread: loop-confined.
#pragma once

#include "async/timer.h"
#include "control/sandboxes.h"

namespace cove::api {

// Well below the shortest auto-stop interval of one minute.
inline constexpr seconds kTouchPeriod{20};

inline async::Task<void> KeepTouching(control::Sandboxes* sandboxes, SandboxId id,
                                      control::Activity activity) {
  for (;;) {
    sandboxes->Touch(id, activity);
    co_await async::Sleep(kTouchPeriod);
  }
}

}  // namespace cove::api
