// Children: PID 1's duty. Reaps every process that ends, whoever made it, and tells those who wait.
//
// Start what you want to watch and call Watch() before the loop turns again: reaping happens on
// the loop only, so no exit is missed. Thread: loop-confined. Must outlive every Child.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <unordered_map>

#include "async/event.h"

namespace cove::toolbox {

class Children;

// A process that was started here and leads its own session and process group (setsid). Dropping
// it while the process runs kills the group; what left the group lives on and is adopted.
class Child {
 public:
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  async::Event& exited() { return exited_; }
  // As wait(2) gives it; nothing while it runs.
  std::optional<int> status() const { return status_; }
  // Ended after EndAll(): by the sandbox's end, whatever its status says.
  bool ended_with_all() const { return ended_with_all_; }
  // To the process group, if the process was not reaped yet: after that the number may be reused.
  void SignalGroup(int signal) const;

 private:
  friend class Children;
  Child(Children& owner, pid_t pid) : owner_(owner), pid_(pid) {}
  Children& owner_;
  pid_t pid_;
  async::Event exited_;
  std::optional<int> status_;
  bool ended_with_all_ = false;
};

class Children {
 public:
  std::unique_ptr<Child> Watch(pid_t pid);
  // Collects all that have ended; call it at each SIGCHLD.
  void Reap();
  // Set while the last Reap() found no process at all.
  async::Event& none_left() { return none_left_; }
  // The sandbox ends: SIGTERM to everything in the pid namespace but us (standalone: to nobody).
  void EndAll();
  bool ending() const { return ending_; }

 private:
  friend class Child;
  std::unordered_map<pid_t, Child*> watched_;
  async::Event none_left_;
  bool ending_ = false;
};

}  // namespace cove::toolbox
