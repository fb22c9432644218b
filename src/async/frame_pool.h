// FramePool: the memory of coroutines' frames that have ended, for those to come.
//
// One request makes and ends dozens of frames, and those over 1032 bytes are more than the C
// library keeps at hand for a thread: for them it searches its common lists each time. Here frames
// of one size are a list of their own; taking and giving is a few instructions. What is kept is
// bounded, and is given back to the C library at the thread's end.
// Thread: one pool for each; a frame may end on another thread than it began on.
#pragma once

#include <cstddef>

namespace cove::async {

class FramePool {
 public:
  static constexpr size_t kStep = 64;             // sizes are rounded up to a multiple
  static constexpr size_t kFrameMax = 16 * 1024;  // larger ones are the C library's
  static constexpr size_t kKeptMax = 512 * 1024;  // bytes, of all sizes together

  static void* Take(size_t size);
  static void Give(void* frame, size_t size) noexcept;
  // Of this thread.
  static size_t kept();
};

}  // namespace cove::async
