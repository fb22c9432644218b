// How a fresh process becomes PID 1 of a box: it is cove-toolbox, executed by the driver
// (sandbox/shell.h) in new user, pid, mount, network, ipc and uts namespaces with every capability
// over them and an open control socket. It builds its network and waits there, a *shell* that is
// nobody's box yet; told which box, it builds the root, enters it, and gives everything up.
//
// The program is executed before anything of a box is near and before the root changes, so an image
// has no say in it. Source: decisions 0010, 0011, 0013.
#pragma once

#include <cstdint>

namespace cove::init {

struct Became {
  uint32_t cgroups = 0;  // cgroup.procs of the workload, from boot::kCgroupFd on
  uint32_t profile = 0;  // proto::Profile
};

// argv[1] of the program; argv[2] is the number of the control socket.
inline constexpr char kBecomeOption[] = "--become";

// Returns as the toolbox: descriptors, user and root are as proto/boot.h says, and the runner
// knows. A failure is told to the runner and ends the process, and so does the runner's end.
Became BecomeBox(int control);

}  // namespace cove::init
