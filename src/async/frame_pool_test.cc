// Goal: a frame's memory is used again, within the bound, whatever thread it ends on. Method: the
// pool by hand, and coroutines that end on another thread.
#include "async/frame_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "async/loop.h"
#include "base/sanitizers.h"

namespace cove::async {
namespace {

class FramePoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "with sanitizers nothing is kept";
  }
};

TEST_F(FramePoolTest, GivesTheSameMemoryAgainForTheSameSize) {
  void* const first = FramePool::Take(2000);
  FramePool::Give(first, 2000);
  void* const other = FramePool::Take(1000);
  EXPECT_NE(other, first);
  void* const again = FramePool::Take(2010);
  EXPECT_EQ(again, first) << "2000 and 2010 are rounded to the same size";
  FramePool::Give(again, 2010);
  FramePool::Give(other, 1000);
}

TEST_F(FramePoolTest, KeepsNoMoreThanItsBound) {
  constexpr size_t kSize = 8 * 1024;
  std::vector<void*> taken;
  for (size_t i = 0; i < 2 * FramePool::kKeptMax / kSize; ++i) {
    taken.push_back(FramePool::Take(kSize));
  }
  for (void* frame : taken) FramePool::Give(frame, kSize);
  EXPECT_LE(FramePool::kept(), FramePool::kKeptMax);
  EXPECT_GT(FramePool::kept(), FramePool::kKeptMax - 2 * kSize);
  const size_t kept = FramePool::kept();
  FramePool::Give(FramePool::Take(FramePool::kFrameMax + 1), FramePool::kFrameMax + 1);
  EXPECT_EQ(FramePool::kept(), kept) << "a larger one is not kept";
}

TEST_F(FramePoolTest, AFrameMayEndOnAnotherThread) {
  auto made = []() -> Task<int> { co_return 7; }();
  size_t there = 0;
  std::thread([&made, &there] {
    {
      const auto gone = std::move(made);
    }
    there = FramePool::kept();
  }).join();
  EXPECT_GT(there, 0u);
}

Task<int> Depth(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await Depth(n - 1);
}

TEST_F(FramePoolTest, TasksTakeTheirFramesFromIt) {
  Loop loop;
  EXPECT_EQ(loop.RunUntil(Depth(50)), 50);
  const size_t kept = FramePool::kept();
  EXPECT_GT(kept, 50 * FramePool::kStep);
  EXPECT_EQ(loop.RunUntil(Depth(50)), 50);
  EXPECT_EQ(FramePool::kept(), kept) << "the second time nothing new is made";
}

}  // namespace
}  // namespace cove::async
