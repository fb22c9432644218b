// OomWatch: which processes of the workload are killed for want of memory, and so which command
// they belonged to. The kernel counts its victims and tells that there was one; who it was it tells
// nobody inside. But a victim takes a moment to die, and /proc shows meanwhile that SIGKILL ends
// it, so each new count is followed by looks at all processes, for a few milliseconds. A victim
// that was gone by then is counted and has no name. Nothing is done while no memory runs out. The
// host kills as well, all of the workload at once, and tells by a signal before it does
// (proto/boot.h). Sources: proc(5), cgroup-v1/memory.rst section 10. Thread: loop-confined; made
// before any thread starts, because it blocks that signal for the process.
#pragma once

#include <sys/types.h>

#include <deque>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/unique_fd.h"

namespace cove::toolbox {

// Of all kills so far.
struct OomCount {
  uint64_t by_kernel = 0;  // processes
  uint64_t by_host = 0;    // times
};

// Of the victims since a command's start.
struct OomToll {
  uint64_t by_host = 0;
  uint64_t kills = 0;   // by the kernel, as all that follows
  uint64_t own = 0;     // seen, and of this command
  uint64_t others = 0;  // seen, and of none of its processes
  std::string names;    // of its own: "python3 (57), cat (58)"
  uint64_t unseen() const { return kills - own - others; }
};

class OomWatch {
 public:
  // `counter`: for sys/oom_count.h; invalid: nobody counts. `event`: readable when it has grown or
  // is about to; invalid: looked at only when somebody asks.
  OomWatch(UniqueFd counter, UniqueFd event);

  OomCount Count();
  // Looks at each event. Never ends.
  async::Task<void> Run();
  // Since Count() gave `before`, for the command whose first process has the number `leader`: that
  // one, its descendants, and what is in its kernel session.
  OomToll TollOf(const OomCount& before, pid_t leader);

 private:
  struct Victim {
    uint64_t number = 0;  // of the count
    pid_t pid = 0;
    std::string name;
    std::vector<pid_t> leaders;  // itself, its session, its ancestors
  };
  uint64_t kills() const;
  // `now`: the count. kNobody: it has grown, and nobody is seen to die, yet or any more.
  enum class Found { kNothingNew, kNobody, kVictims };
  Found Look(uint64_t now);
  // After an event, until the count has grown and its victims are found or gone.
  async::Task<void> LookForVictims();

  UniqueFd counter_;
  UniqueFd event_;
  UniqueFd told_;  // signalfd(2) of the host's signal
  uint64_t by_host_ = 0;
  uint64_t looked_at_ = 0;  // the count up to which victims were found, or looked for in vain
  std::deque<Victim> victims_;
};

}  // namespace cove::toolbox
