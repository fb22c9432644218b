// Goal: the count is what looking at each sandbox would give, whatever they went through.
// Method: sandboxes come, change and go at random; after each step all that are there are summed.
#include "control/promises.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace cove::control {
namespace {

TEST(PromisesTest, AreWhatAllSandboxesTogetherHave) {
  constexpr State kStates[] = {State::kCreating, State::kStarted, State::kStopped, State::kPaused,
                               State::kError};
  std::mt19937 random(7);
  Promises promises;
  std::map<int, Sandbox> there;
  for (int step = 0; step < 5000; ++step) {
    const int id = static_cast<int>(random() % 40);
    if (const auto it = there.find(id); it != there.end()) {
      promises.Drop(it->second);
      there.erase(it);
    }
    if (random() % 4 != 0) {
      Sandbox sandbox;
      sandbox.state = kStates[random() % std::size(kStates)];
      sandbox.resources.memory_gib = static_cast<double>(random() % 1000) / 7;
      sandbox.resources.disk_gib = static_cast<double>(random() % 1000) / 3;
      promises.Add(sandbox);
      there[id] = sandbox;
    }
    double memory = 0;
    double disk = 0;
    for (const auto& [key, s] : there) {
      disk += s.resources.disk_gib;
      if (s.state != State::kStopped && s.state != State::kError) memory += s.resources.memory_gib;
    }
    const Promised now = promises.now();
    ASSERT_EQ(now.sandboxes, there.size());
    ASSERT_NEAR(now.memory_gib, memory, 1e-6);
    ASSERT_NEAR(now.disk_gib, disk, 1e-6);
  }
}

}  // namespace
}  // namespace cove::control
