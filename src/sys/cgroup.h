// Control groups of a box, whatever the machine has: v2, v1 with one hierarchy per controller, or
// both at once (hybrid).
//
// Concept: a CgroupTree is one name ("cove") below the root of every hierarchy that carries a
// controller we need. In it each box has PARENT/ID with two children: `toolbox` and `work`, so that
// a workload at its limit of processes or memory cannot starve the toolbox.
// Sources: cgroups(7), Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
// Thread: values; the calls are short file-system calls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/reclaim.h"

namespace cove::sys {

struct CgroupHierarchy {
  std::string mount;  // where it is mounted
  bool v2 = false;
  std::vector<std::string> controllers;  // those of cpu, memory, pids, freezer, io that it carries
  bool Has(std::string_view controller) const;
};

struct CgroupLimits {
  uint32_t cpu_millis = 0;    // 1000 is one core; 0: no limit
  uint64_t memory_bytes = 0;  // without swap; 0: no limit
  uint32_t pids = 0;          // 0: no limit
  uint32_t io_weight = 0;     // 1 to 10000, 100 is usual; 0: as it is. Nothing where there is no io
};

// From the text of /proc/self/mountinfo and, for v2, `v2_controllers` (cgroup.controllers).
// Separate from Open() for tests.
std::vector<CgroupHierarchy> ParseCgroupMounts(std::string_view mountinfo,
                                               std::string_view v2_controllers);

// The weights of v1's blkio work only under the scheduler BFQ; where no disk has it (`bfq` false) a
// hierarchy for them alone would only cost time.
void DropIdleIo(std::vector<CgroupHierarchy>& hierarchies, bool bfq);

// What this machine has for boxes; makes nothing.
Result<std::vector<CgroupHierarchy>> FindCgroups();

enum class CgroupPart { kBoth, kToolbox, kWork };

class CgroupTree {
 public:
  // Finds the hierarchies and makes `parent` in each. kUnavailable, naming it, when a controller is
  // missing.
  static Result<CgroupTree> Open(std::string parent);

  // Makes the cgroups of a box; leftovers of an earlier run of it are used as they are.
  Result<void> Create(const std::string& box) const;
  // Of a running box too. kConflict: it holds more memory than that; nothing is killed for it.
  Result<void> SetLimits(const std::string& box, CgroupPart part, const CgroupLimits& limits) const;
  // What the workload holds that the kernel cannot take back by dropping file cache: a limit below
  // that would kill.
  Result<uint64_t> MemoryHeld(const std::string& box) const;
  // v1: the buffers of TCP and UDP sockets are not counted as memory. They have a limit of their
  // own, at which the kernel makes them small, but still lets some 64 KiB through for each, so that
  // a connection can go on: many sockets get far beyond it.
  bool SocketsApart() const { return !Find("memory")->v2; }
  // What the workload and those buffers hold together beyond the limit of memory; not counted is
  // what the kernel can take back: file cache, and its own memory while the buffers are within
  // their limit. `uncounted` is what else they hold that the kernel counts for no group. 0 while
  // all of them are a sixteenth of the memory at most; where they are memory, only what is
  // uncounted can be beyond it.
  Result<uint64_t> BeyondMemory(const std::string& box, uint64_t uncounted) const;
  // What the sockets of all boxes together hold, as far as it is counted.
  Result<uint64_t> SocketBuffersInAll() const;
  // cgroup.procs of one part in each hierarchy, for writing. Whoever holds them may move itself in
  // by writing "0", because the kernel asks who opened the file.
  Result<std::vector<UniqueFd>> OpenProcs(const std::string& box, CgroupPart part) const;
  // Moves a process by its pid into a part, in every hierarchy.
  Result<void> Attach(const std::string& box, CgroupPart part, pid_t pid) const;

  // Who is in a part now, as this process's pid namespace numbers them. Nothing there: nobody.
  Result<std::vector<pid_t>> Processes(const std::string& box, CgroupPart part) const;
  Result<std::vector<pid_t>> Threads(const std::string& box, CgroupPart part) const;

  // Asks for it; the last process stops a moment later: see IsFrozen().
  Result<void> Freeze(const std::string& box) const;
  // Nothing there: fine.
  Result<void> Thaw(const std::string& box) const;
  // Every process of both parts stands still. Nothing there: false.
  Result<bool> IsFrozen(const std::string& box) const;
  // For GiveMemoryBack() of those who may not open it themselves.
  Result<Reclaim> OpenReclaim(const std::string& box) const;
  // Whether the workload's memory may go to swap; only v2 can tell it apart from the limit.
  enum class Swap { kForbidden, kAllowed };
  Result<void> SetSwap(const std::string& box, Swap swap) const;
  Result<uint64_t> OomKills(const std::string& box) const;
  // The file that OomKills() reads, for ReadOomKills() of those who may not open it themselves.
  Result<UniqueFd> OpenOomCounter(const std::string& box) const;
  // v1: an eventfd that is readable after an out-of-memory event of `work`; v2: memory.events,
  // which then reports POLLPRI.
  Result<UniqueFd> OpenOomEvent(const std::string& box) const;

  // True: nothing of it is left. False: processes are still in it.
  Result<bool> Remove(const std::string& box) const;
  // kDotted: only names that begin with a dot; kPlain: all others.
  enum class Names { kPlain, kDotted };
  Result<std::vector<std::string>> List(Names names = Names::kPlain) const;
  // Gives the groups of a box another name, which nobody has; an error leaves parts under either.
  Result<void> Rename(const std::string& from, const std::string& to) const;
  // v2 renames nothing.
  bool CanRename() const;
  // Processes are in it, or on their way out.
  bool IsOccupied(const std::string& box) const;
  // The next one to use it would find nothing of this one: no memory held to speak of, no kill
  // counted, not frozen. REQUIRES: it is not occupied.
  bool IsUnused(const std::string& box) const;
  // Takes the limits off the workload again, but for that of the processors.
  Result<void> LiftLimits(const std::string& box) const;
  // Removes the parent itself, for tests; fails while boxes are in it.
  Result<void> RemoveParent() const;

  size_t hierarchies() const { return hierarchies_.size(); }
  // Whether a controller is there; all but io always are.
  bool Has(std::string_view controller) const { return Find(controller) != nullptr; }

 private:
  const CgroupHierarchy* Find(std::string_view controller) const;
  std::string Path(const CgroupHierarchy& h, const std::string& box, CgroupPart part) const;
  Result<void> SetFrozen(const std::string& box, std::string_view v1, std::string_view v2) const;
  std::string parent_;
  std::vector<CgroupHierarchy> hierarchies_;
};

}  // namespace cove::sys
