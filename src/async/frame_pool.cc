#include "async/frame_pool.h"

#include <array>
#include <new>

namespace cove::async {
namespace {

struct Free {
  Free* next;
};

// Trivial, so that frames may still end while the thread's other objects are destroyed.
struct Lists {
  std::array<Free*, FramePool::kFrameMax / FramePool::kStep> free{};
  size_t kept = 0;
  bool watched = false;  // the thread's end is
  bool closed = false;
};
constinit thread_local Lists lists;

struct AtThreadEnd {
  ~AtThreadEnd() {
    lists.closed = true;
    for (Free*& first : lists.free) {
      while (first != nullptr) {
        Free* const gone = first;
        first = gone->next;
        ::operator delete(gone);
      }
    }
    lists.kept = 0;
  }
};

void WatchThreadEnd() {
  thread_local const AtThreadEnd at_end;
  lists.watched = true;
}

// Of a frame of 1 byte and more.
size_t ListOf(size_t size) { return (size - 1) / FramePool::kStep; }
size_t Rounded(size_t size) { return (ListOf(size) + 1) * FramePool::kStep; }

}  // namespace

void* FramePool::Take(size_t size) {
  if (size > kFrameMax) return ::operator new(size);
  Free*& first = lists.free[ListOf(size)];
  if (first == nullptr) return ::operator new(Rounded(size));
  Free* const taken = first;
  first = taken->next;
  lists.kept -= Rounded(size);
  return taken;
}

void FramePool::Give(void* frame, size_t size) noexcept {
  const bool keep = size <= kFrameMax && !lists.closed && lists.kept + Rounded(size) <= kKeptMax;
  if (!keep) return ::operator delete(frame);
  if (!lists.watched) WatchThreadEnd();
  Free*& first = lists.free[ListOf(size)];
  first = new (frame) Free{first};
  lists.kept += Rounded(size);
}

size_t FramePool::kept() { return lists.kept; }

}  // namespace cove::async
