// Confinement: what separates user processes from PID 1, made by the driver and init/become.h,
// handed over as descriptors (proto/boot.h). Empty in standalone mode.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "base/unique_fd.h"
#include "toolbox/accounts.h"

namespace cove::toolbox {

struct Confinement {
  UniqueFd user_namespace;           // the inner one; all user processes live in it
  std::vector<sock_filter> seccomp;  // empty only in standalone mode
  // The same, but openat2() passes, which a sandbox with shared folders has not: it could hide a
  // mode in memory. File workers are our own code and create nothing with it (paths.h).
  std::vector<sock_filter> worker_seccomp;
  std::vector<UniqueFd> cgroups;  // cgroup.procs of the workload, one per hierarchy
  bool strict = false;            // no privilege is ever gained (proto/profile.h)
  bool standalone = false;        // no namespaces: the identity changes only if we are root
};

// Which step of becoming a user failed, for the error text.
enum class Step : int {
  kNone,
  kCgroup,
  kNamespace,
  kPrivileges,
  kSeccomp,
  kGroups,
  kUser,
  kTerminal,
  kDescriptors,
  kFolder,
  kExec,
};
const char* StepText(Step step);

// After fork, in the child: leaves PID 1's world for that of the user. Async-signal-safe. Gives
// kNone, or what failed with errno set. `seccomp` is one of the confinement's.
Step BecomeUser(const Confinement& confinement, const Account& account,
                const std::vector<sock_filter>& seccomp);
// `filter` with a beginning that lets openat2() pass.
std::vector<sock_filter> WithOpenat2(const std::vector<sock_filter>& filter);

}  // namespace cove::toolbox
