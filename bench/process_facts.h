// What /proc tells of the server and its sandboxes. Thread: any.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cove::bench {

// Children of the runner by the name they carry ("cove-front", "cove-toolbox").
std::vector<pid_t> ChildrenNamed(pid_t runner, const std::string& name);
// `pid` and everything below it.
std::vector<pid_t> TreeOf(pid_t pid);

uint64_t PrivateKib(pid_t pid);   // Private_Clean + Private_Dirty of smaps_rollup
uint64_t ResidentKib(pid_t pid);  // VmRSS
uint64_t Switches(pid_t pid);     // voluntary and involuntary context switches: times it ran
uint64_t Descriptors(pid_t pid);
uint64_t Mounts(pid_t pid);  // lines of its mountinfo
// Of the whole machine, whoever holds them. The first counts slabs, so it may lag by a few.
uint64_t NetworkNamespaces();
uint64_t Cgroups();

}  // namespace cove::bench
