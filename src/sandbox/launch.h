// Launch carries one box from nothing to a running toolbox: the parent's half of what box_child.cc
// does in the child. Use: make it, co_await Run(). Destroying it before Run() has returned kills
// and reaps the child. Thread: loop-confined.
#pragma once

#include <sys/types.h>

#include "sandbox/box_plan.h"
#include "sandbox/driver.h"
#include "sys/cgroup.h"
#include "sys/netlink.h"

namespace cove::sandbox {

// What is the same for every box; made once.
struct LaunchKit {
  UniqueFd toolbox;     // sealed executable
  UniqueFd seccomp[2];  // sealed programs, by profile
  const UniqueFd& SeccompOf(proto::Profile p) const { return seccomp[static_cast<size_t>(p)]; }
  UniqueFd& SeccompOf(proto::Profile p) { return seccomp[static_cast<size_t>(p)]; }
  sys::NetlinkBatch routes;
  sys::NetlinkBatch rules;
  sys::CgroupTree cgroups;
  UniqueFd quick_moves;  // sys/cgroup_moves.h; none: moves are slow
};

// The limits of the workload's cgroup; disk limits are another's business.
sys::CgroupLimits WorkLimits(const proto::runner::Limits& limits);

class Launch {
 public:
  // `kit` must outlive it.
  Launch(const LaunchKit& kit, BoxSpec spec) : kit_(kit), spec_(std::move(spec)) {}
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  Task<Result<RunningBox>> Run();

 private:
  Result<void> Check() const;
  Result<void> MakeListener();
  Result<void> MakeCgroups();
  Result<void> OpenMounts();
  void WriteOverlayOptions();
  Result<void> Clone();
  Result<void> MapIds();
  Result<void> MapOwners();
  Result<void> Go();
  Task<Result<void>> AwaitExec();
  Result<void> ReadReport(bool* ended);
  Error ChildError(const ChildReport& report) const;
  void Mark(const char* step);
  void LogTimings() const;

  const LaunchKit& kit_;
  BoxSpec spec_;
  RunningBox box_;
  bool done_ = false;
  bool ready_ = false;
  ChildReport report_;

  UniqueFd control_;        // ours
  UniqueFd child_control_;  // the child's
  UniqueFd listener_;
  UniqueFd seccomp_;
  UniqueFd box_mount_;
  UniqueFd state_mount_;
  std::vector<UniqueFd> layers_;
  std::vector<UniqueFd> procs_;
  UniqueFd oom_counter_;
  UniqueFd clone_cgroup_;

  // Texts and tables that the plan points to.
  std::vector<int> layer_fds_;
  std::vector<int> procs_fds_;
  std::vector<std::pair<std::string, std::string>> overlay_texts_;
  std::vector<KeyValue> overlay_;
  std::string shm_size_;

  TimePoint started_ = Now();
  std::vector<std::pair<const char*, int64_t>> marks_;  // microseconds since started_
};

}  // namespace cove::sandbox
