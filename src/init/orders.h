// What the runner's driver tells the process that is to become a box, and what it answers, on a
// seqpacket socket: the orders in this sequence, each one packet.
//
// The process (init/become.h) runs the driver's own sealed copy of the toolbox, of the same build,
// so these are plain structures; one of another size is refused.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cove::init {

// Every step that can fail. The texts are in steps.cc.
enum class BoxStep : uint32_t {
  kNone,
  kSignals,
  kNetlink,
  kRoutes,
  kRules,
  kListenTcp4,
  kListenTcp6,
  kListenDnsUdp,
  kListenDnsTcp,
  kOrder,
  kOuterIds,
  kCgroupNamespace,
  kHostname,
  kScratch,
  kStaging,
  kLayers,
  kOverlay,
  kRootEntry,
  kDev,
  kDevices,
  kDevPts,
  kProc,
  kSysctl,
  kSys,
  kRun,
  kState,
  kTmp,
  kShares,
  kPivot,
  kInnerClone,
  kInnerMap,
  kInnerOpen,
  kDescriptors,
  kStdio,
  kPrivileges,
  kReady,
  kExec,
};

const char* StepText(BoxStep step);

// Microseconds to the end of each phase: of the network from the program's start, of the others
// from the order for the root.
enum BoxPhase : size_t {
  kPhaseNetwork,
  kPhaseOverlay,
  kPhaseRoot,
  kPhasePivot,
  kPhaseInner,
  kPhaseReady,
  kPhases
};

inline constexpr size_t kBoxLayersMax = 500;
inline constexpr size_t kBoxCgroupsMax = 16;
inline constexpr size_t kHostnameMax = 63;
inline constexpr size_t kSharesMax = 64;
inline constexpr size_t kShareTargetMax = 4095;
// One fsconfig text holds 255 characters.
inline constexpr size_t kOptionMax = 255;
inline constexpr size_t kFdsInPacket = 253;  // SCM_MAX_FD

// The first order: the network, by netlink messages that follow in the same packet, those of the
// routes and then those of the rules. The same for every box.
struct NetworkOrder {
  uint32_t routes_size = 0;
  uint32_t routes_acks = 0;
  uint32_t rules_size = 0;
  uint32_t rules_acks = 0;
};
inline constexpr size_t kNetworkBytesMax = 64 * 1024;

// The second: the box's files. Its descriptors, in this order: the box's directory (upper/ and
// work/) and the toolbox's own, then the layers, lowest first; all are detached mounts. Those that
// do not fit into the order's packet follow in packets of one byte.
struct RootOrder {
  uint32_t layers = 0;
  uint32_t shares = 0;
  uint32_t hostname_size = 0;
  char hostname[kHostnameMax + 1] = {};
  char scratch_size[24] = {};          // bytes that /dev, /dev/shm and /run have together
  char scratch_files[24] = {};         // and how many files
  bool strict = false;                 // parts of /proc are covered
  char lowerdir[kOptionMax + 1] = {};  // empty: too long for one text, layers go one by one
};
// Follows the second as many times as it has shares, each with the detached mount to attach.
struct ShareOrder {
  bool directory = true;
  char target[kShareTargetMax + 1] = {};  // "a/b": below the box's root, without . and ..
};
// The third: the process is in its cgroups. Its descriptors: the toolbox's listener, the system
// call filter, the workload's count of OOM kills and their event, cgroup.procs of the workload.
struct IdentityOrder {
  uint32_t cgroups = 0;
  uint32_t profile = 0;  // proto::Profile
};

// Comes at most twice: once with `ready`, carrying the four sockets, and once when a step failed.
struct ChildReport {
  bool ready = false;
  BoxStep step = BoxStep::kNone;
  int32_t error = 0;
  uint32_t phase_us[kPhases] = {};
  char detail[200] = {};  // what the kernel said beyond errno
};

}  // namespace cove::init
