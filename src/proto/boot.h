// What the toolbox, PID 1 of a sandbox, is when it begins to serve: what the driver has given it
// and init/become.h has made of that.
//
// Environment: PATH only. Working directory: "/". Standard input and output are /dev/null, standard
// error is kStateDir/toolbox.log. Signals are unblocked and have their default action. A child that
// it never started may have ended already. Besides the descriptors below nothing is open; all are
// close-on-exec.
//
// The toolbox is uid and gid kToolboxUid of the *outer* user namespace, with no capability there.
// It owns the *inner* user namespace, whose users 0..65535 are the sandbox's: with no further
// privilege it may enter it (setns) and signal everything in it. The child of every command does,
// in this order:
//   1. writes "0" to each of the N cgroup.procs descriptors (it moves itself to the workload's
//      cgroup; any later and a full pids or memory limit would not hold it);
//   2. setns(kInnerUserNsFd, CLONE_NEWUSER): full capabilities inside, none outside;
//   3. in the strict profile only: sets no_new_privs and keeps only the capabilities over files,
//      ids and processes of its own;
//   4. installs the filter of kSeccompFd: an array of struct sock_filter to be read with pread or
//      mmap from offset 0 to the end, by seccomp(SECCOMP_SET_MODE_FILTER); in the default profile
//      WITHOUT no_new_privs (sudo must work), which needs the CAP_SYS_ADMIN that step 2 gave. A
//      toolbox that finds no filter there ends: nothing may run without one;
//   5. setsid, setgroups, setresgid, setresuid to the user's numbers;
//   6. closes everything above 2 and executes.
// Work on files on behalf of a user goes the same way, in a child: the toolbox itself may read and
// write only what everybody may, and kStateDir, which is its own (0700).
#pragma once

#include <csignal>
#include <cstdint>

namespace cove::proto::boot {

// Fixed descriptors. The kept listeners are idle duplicates that the toolbox never accepts on:
// while they are open, connections queue when the front and the runner restart, and a new runner
// takes them back with pidfd_getfd by these very numbers.
inline constexpr int kToolboxListenerFd = 3;  // listening unix stream socket, non-blocking
inline constexpr int kInnerUserNsFd = 4;
inline constexpr int kSeccompFd = 5;
inline constexpr int kTcp4Fd = 6;
inline constexpr int kTcp6Fd = 7;
inline constexpr int kDnsUdpFd = 8;
inline constexpr int kDnsTcpFd = 9;
inline constexpr int kOomFd = 10;       // the workload's count of OOM kills, for sys/oom_count.h
inline constexpr int kOomEventFd = 11;  // readable at a kill: an eventfd (v1) or that file (v2)
inline constexpr int kCgroupFd = 12;    // the first of N

// Comes before the runner kills the whole workload for want of memory, which the kernel's count of
// kills knows nothing of. Nobody inside may send it to the toolbox; one of an older build ignores
// it.
inline constexpr int kOutOfMemorySignal = SIGUSR1;

inline constexpr char kStateDir[] = "/run/cove-toolbox";

inline constexpr uint32_t kToolboxUid = 65536;  // canonical owner of the state directory, too
inline constexpr uint32_t kUserIds = 65536;     // the sandbox's own ids are 0..65535
inline constexpr uint32_t kUidSlot = 131072;    // distance between the bases of two sandboxes

// The network inside: lo, with one address that is not 127/8.
inline constexpr char kAddress4[] = "10.0.0.2";
inline constexpr char kAddress6[] = "fd00::2";
// All TCP is redirected to this port of 127.0.0.1 and ::1; UDP and TCP 53 to kDnsPort of 127.0.0.1.
inline constexpr uint16_t kTcpPort = 1;
inline constexpr uint16_t kDnsPort = 53;

}  // namespace cove::proto::boot
