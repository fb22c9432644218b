// HeldBytes: how many bytes of requests are held in memory, in all and of each caller. What counts
// is what has come, not what was announced: an announcement costs nobody anything. A caller may
// hold a third of what nobody holds: a quarter of the room where it is alone, and however many take
// all that they get, there is some for one more. Thread: loop-confined, no I/O.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace cove::bridge {

class HeldBytes {
 public:
  explicit HeldBytes(size_t all_max) : all_max_(all_max) {}
  HeldBytes(const HeldBytes&) = delete;

  // kNotAtAll: it is for the others that there is none.
  enum class Room { kYes, kNotForCaller, kNotAtAll };
  size_t held() const { return held_; }
  size_t callers() const { return callers_.size(); }

 private:
  friend class HeldShare;
  struct Held {
    size_t bytes = 0;
    size_t shares = 0;
  };
  using Callers = std::map<std::string, Held, std::less<>>;

  const size_t all_max_;
  size_t held_ = 0;
  Callers callers_;  // that hold a share
};

// What one request holds, while it lives. The HeldBytes outlives it.
class HeldShare {
 public:
  HeldShare() = default;
  ~HeldShare();
  HeldShare(const HeldShare&) = delete;
  // Of `caller`, nothing at first. REQUIRES: it is of nobody yet.
  void Join(HeldBytes& all, const std::string& caller);
  // It is `bytes` from now on, if there is room; to hold less there always is. REQUIRES: Join().
  HeldBytes::Room Set(size_t bytes);

 private:
  HeldBytes* all_ = nullptr;
  HeldBytes::Callers::iterator caller_;
  size_t bytes_ = 0;
};

}  // namespace cove::bridge
