// Launch carries one box from a shell to a running toolbox: the runner's half of what init/become.h
// does in the box. Use: make it, co_await Run(). Destroying it before Run() has returned kills
// and reaps the child. Thread: loop-confined.
#pragma once

#include <optional>

#include "sandbox/driver.h"
#include "sandbox/shell_stock.h"
#include "sys/cgroup_spares.h"

namespace cove::sandbox {

// The limits of the workload's cgroup; disk limits are another's business.
sys::CgroupLimits WorkLimits(const proto::runner::Limits& limits);

class Launch {
 public:
  // All three must outlive it.
  Launch(const LaunchKit& kit, ShellStock& stock, sys::CgroupSpares& spares, BoxSpec spec)
      : kit_(kit), stock_(stock), spares_(spares), start_(stock), spec_(std::move(spec)) {}
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  Task<Result<RunningBox>> Run();

 private:
  Result<void> Check() const;
  Result<void> TakeShell();
  Result<void> OpenMounts();
  Result<void> MapIds();
  Result<void> MapOwners();
  Result<void> MapShares();
  Task<Result<void>> OrderRoot();
  Result<void> MakeListener();
  Result<void> MakeCgroups();
  Task<Result<void>> OrderIdentity();
  Task<Result<void>> AwaitReady();
  Result<void> ReadReport(bool* ended);
  Error ChildError(const init::ChildReport& report) const;
  void Mark(const char* step);
  void LogTimings() const;

  const LaunchKit& kit_;
  ShellStock& stock_;
  sys::CgroupSpares& spares_;
  const ShellStock::Start start_;
  BoxSpec spec_;
  TimePoint deadline_;  // of the whole start
  RunningBox box_;
  bool done_ = false;
  bool ready_ = false;
  init::ChildReport report_;

  std::optional<Shell> shell_;
  UniqueFd listener_;
  UniqueFd seccomp_;
  UniqueFd box_mount_;
  UniqueFd state_mount_;
  std::vector<UniqueFd> layers_;
  std::vector<UniqueFd> shares_;
  std::vector<UniqueFd> procs_;
  UniqueFd oom_counter_;
  UniqueFd oom_event_;

  TimePoint started_ = Now();
  std::vector<std::pair<const char*, int64_t>> marks_;  // microseconds since started_
};

}  // namespace cove::sandbox
