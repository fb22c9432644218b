// What the parent tells the child that becomes a box, and what the child answers.
//
// The child runs between clone and exec: it may not allocate, lock or throw. So all tables and
// netlink messages are made ahead, here, and only read there. What is particular to a box comes
// later, by the control socket. Both sides live in one process image; nothing here is a wire
// format.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cove::sandbox {

// Every step that can fail. The texts are in box_steps.cc.
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
  kStaging,
  kLayers,
  kOverlay,
  kRootEntry,
  kDev,
  kDevices,
  kDevPts,
  kShm,
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

// Microseconds to the end of each phase: of the network from the child's start, of the others from
// the first order.
enum BoxPhase : size_t {
  kPhaseNetwork,
  kPhaseOverlay,
  kPhaseRoot,
  kPhasePivot,
  kPhaseInner,
  kPhaseReady,
  kPhases
};

struct Bytes {
  const char* data;
  size_t size;
  uint32_t acks;
};

// What is the same for every box: read by the child that is to become one, in its copy of the
// parent's memory.
struct ShellPlan {
  int control = -1;  // seqpacket: orders come in, reports go out
  int toolbox = -1;  // the executable
  Bytes routes;
  Bytes rules;
  char* const* argv[2] = {};  // by proto::Profile
  char* const* envp = nullptr;
};

inline constexpr size_t kBoxLayersMax = 500;
inline constexpr size_t kBoxCgroupsMax = 16;
inline constexpr size_t kHostnameMax = 63;
inline constexpr size_t kSharesMax = 64;
inline constexpr size_t kShareTargetMax = 4095;
// One fsconfig text holds 255 characters.
inline constexpr size_t kOptionMax = 255;
inline constexpr size_t kFdsInPacket = 253;  // SCM_MAX_FD

// The first order: the box's files. Its descriptors, in this order: the box's directory (upper/ and
// work/) and the toolbox's own, then the layers, lowest first; all are detached mounts. Those that
// do not fit into the order's packet follow in packets of one byte.
struct RootOrder {
  uint32_t layers = 0;
  uint32_t shares = 0;
  uint32_t hostname_size = 0;
  char hostname[kHostnameMax + 1] = {};
  char shm_size[24] = {};
  bool strict = false;                 // parts of /proc are covered
  char lowerdir[kOptionMax + 1] = {};  // empty: too long for one text, layers go one by one
};
// Follows the first as many times as it has shares, each with the detached mount to attach.
struct ShareOrder {
  bool directory = true;
  char target[kShareTargetMax + 1] = {};  // "a/b": below the box's root, without . and ..
};
// The second: the process is in its cgroups. Its descriptors: the toolbox's listener, the system
// call filter, the workload's count of OOM kills, cgroup.procs of the workload.
struct ExecOrder {
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

// The child's whole life. Entered in fresh user, pid, mount, network, ipc and uts namespaces.
[[noreturn]] void RunBoxChild(const ShellPlan& plan);

}  // namespace cove::sandbox
