// Groups of boxes that are gone, kept for boxes that come.
//
// To make and to remove a memory cgroup is dear: the removal walks the lists of every super block
// of the machine under the one lock that every other change of cgroups needs, so with many boxes at
// rest each delete would hold up the next create for milliseconds. v1 can rename a group; so a box
// takes over the groups of one that is gone, if nothing of that one is left in them: no process, no
// memory to speak of, no kill that was counted. Otherwise, and on v2, which renames nothing, they
// are removed and made anew.
//
// A spare's name begins with a dot, which CgroupTree::List() passes over.
// Thread: loop-confined. The tree must outlive the object.
#pragma once

#include <string>
#include <vector>

#include "sys/cgroup.h"

namespace cove::sys {

class CgroupSpares {
 public:
  // Removes what an earlier process of ours has kept; `max`: kept at most.
  CgroupSpares(const CgroupTree& tree, size_t max);
  ~CgroupSpares();
  CgroupSpares(const CgroupSpares&) = delete;
  CgroupSpares& operator=(const CgroupSpares&) = delete;

  // True: `box` has all its groups now. The toolbox's have any limits, the workload's only some of
  // the processors, which are dear to change: set all that shall be limited.
  bool Take(const std::string& box);
  enum class Keeping {
    kKept,      // nothing of that name is left
    kNot,       // nothing runs in them, but they are not fit for another box, or there are enough
    kOccupied,  // something runs in them yet
  };
  Keeping Keep(const std::string& box);

 private:
  void RemoveAll(const std::vector<std::string>& names);
  const CgroupTree& tree_;
  const size_t max_;
  std::vector<std::string> spares_;
  uint64_t next_ = 0;
};

}  // namespace cove::sys
