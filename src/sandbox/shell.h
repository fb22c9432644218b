// A Shell is a box before it is anybody's: a toolbox, executed ahead (init/become.h), in fresh
// user, pid, mount, network, ipc and uts namespaces, with its network and the gateway's listeners
// in it, waiting to be told which box to become. It holds no image, no owner map, no cgroup and no
// limit yet, and becomes one box at most.
//
// It ends with its Shell object and, since all it waits for is the other end of its control socket,
// with this process. Thread: loop-confined.
#pragma once

#include <sys/types.h>

#include "async/task.h"
#include "base/clock.h"
#include "init/orders.h"
#include "proto/profile.h"
#include "sandbox/seccomp_profile.h"
#include "sys/cgroup.h"
#include "sys/netlink.h"

namespace cove::sandbox {

// What is the same for every box; made once.
struct LaunchKit {
  UniqueFd toolbox;  // sealed executable
  // Any descriptor of a low number: a shell's end of its socket has that number while the shell is
  // made, so that the copy of our descriptors is small.
  UniqueFd control_slot;
  UniqueFd seccomp[2][2];  // sealed programs, by profile and marks
  const UniqueFd& SeccompOf(proto::Profile p, FileMarks m) const {
    return seccomp[static_cast<size_t>(p)][static_cast<size_t>(m)];
  }
  sys::NetlinkBatch routes;
  sys::NetlinkBatch rules;
  sys::CgroupTree cgroups;
  UniqueFd quick_moves;  // sys/cgroup_moves.h; none: moves are slow
};

class Shell {
 public:
  static Result<Shell> Make(const LaunchKit& kit);
  ~Shell() { End(); }
  Shell(Shell&& other) noexcept;
  Shell& operator=(Shell&&) = delete;

  pid_t pid() const { return pid_; }
  uint64_t start_time() const { return start_time_; }  // RunningBox::start_time
  int control() const { return control_.get(); }
  // False: it has died, or failed and says why on the control socket.
  bool Waits() const;
  // One packet; `fds` beyond what fits follow in packets of one byte. A child that failed already
  // says why on the same socket, so that is no error here.
  // `order` must outlive the task. Waits, until `deadline`, while the process does not read.
  struct Order {
    const void* data;
    size_t size;
  };
  async::Task<Result<void>> Send(Order order, std::vector<int> fds, TimePoint deadline) const;
  // Of one that does not wait any more: why not.
  std::string LastWords() const;
  // The process is a box now and no longer this object's to end.
  UniqueFd Release() { return std::move(pidfd_); }

 private:
  Shell() = default;
  void End();
  pid_t pid_ = 0;
  uint64_t start_time_ = 0;
  UniqueFd pidfd_;
  UniqueFd control_;
};

}  // namespace cove::sandbox
