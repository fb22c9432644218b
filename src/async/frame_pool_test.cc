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

// Where nothing is kept yet.
template <class F>
void OnNewThread(F test) {
  std::thread(std::move(test)).join();
}

TEST(FramePoolTest, GivesTheSameMemoryAgainForTheSameSize) {
  void* const first = FramePool::Take(2000);
  FramePool::Give(first, 2000);
  void* const other = FramePool::Take(1000);
  EXPECT_NE(other, first);
  void* const again = FramePool::Take(2010);
  EXPECT_EQ(again, first) << "2000 and 2010 are rounded to the same size";
  FramePool::Give(again, 2010);
  FramePool::Give(other, 1000);
}

TEST(FramePoolTest, KeepsNoMoreThanItsBound) {
  OnNewThread([] {
    constexpr size_t kSize = 8 * 1024;
    std::vector<void*> taken;
    for (size_t i = 0; i < 2 * FramePool::kKeptMax / kSize; ++i) {
      taken.push_back(FramePool::Take(kSize));
    }
    for (void* frame : taken) FramePool::Give(frame, kSize);
    const size_t kept = FramePool::kept();
    EXPECT_EQ(kept, FramePool::kKeptMax / kSize * kSize);
    FramePool::Give(FramePool::Take(FramePool::kFrameMax + 1), FramePool::kFrameMax + 1);
    EXPECT_EQ(FramePool::kept(), kept) << "a larger one is not kept";
  });
}

TEST(FramePoolTest, AFrameMayEndOnAnotherThread) {
  void* const frame = FramePool::Take(2000);
  OnNewThread([frame] {
    FramePool::Give(frame, 2000);
    EXPECT_EQ(FramePool::kept(), 2048u);
    EXPECT_EQ(FramePool::Take(2000), frame);
    FramePool::Give(frame, 2000);
  });
}

Task<int> Depth(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await Depth(n - 1);
}

// But with a sanitizer, which has to see each frame's end.
TEST(FramePoolTest, TasksTakeTheirFramesFromIt) {
  OnNewThread([] {
    Loop loop;
    EXPECT_EQ(loop.RunUntil(Depth(50)), 50);
    const size_t kept = FramePool::kept();
    if (kSanitized) {
      EXPECT_EQ(kept, 0u);
    } else {
      EXPECT_GT(kept, 50 * FramePool::kStep);
    }
    EXPECT_EQ(loop.RunUntil(Depth(50)), 50);
    EXPECT_EQ(FramePool::kept(), kept) << "the second time nothing new is made";
  });
}

}  // namespace
}  // namespace cove::async
