// What the parent prepares for the child that becomes a box, and what the child answers.
//
// The child runs between clone and exec: it may not allocate, lock or throw. So all texts, tables
// and netlink messages are made ahead, here, and only read there. Both sides live in one process
// image; nothing here is a wire format.
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
  kGo,
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

// Microseconds from the child's start to the end of each phase.
enum BoxPhase : size_t {
  kPhaseNetwork,
  kPhaseGo,
  kPhaseOverlay,
  kPhaseRoot,
  kPhasePivot,
  kPhaseInner,
  kPhaseReady,
  kPhases
};

struct KeyValue {
  const char* key;
  const char* value;  // null: a flag
};

struct Bytes {
  const char* data;
  size_t size;
  uint32_t acks;
};

struct BoxPlan {
  int control = -1;  // seqpacket: go comes in, reports go out
  Bytes routes;
  Bytes rules;

  const int* layers = nullptr;  // detached mounts, lowest first
  size_t layer_count = 0;
  int box = -1;    // detached mount with upper/ and work/
  int state = -1;  // detached mount of the toolbox's own directory
  const KeyValue* overlay = nullptr;
  size_t overlay_count = 0;
  const char* shm_size = nullptr;
  const char* hostname = nullptr;
  size_t hostname_size = 0;
  bool strict = false;  // parts of /proc are covered

  int listener = -1;
  int seccomp = -1;
  int oom = -1;
  const int* cgroups = nullptr;
  size_t cgroup_count = 0;
  int toolbox = -1;  // the executable
  char* const* argv = nullptr;
  char* const* envp = nullptr;
};

// Comes at most twice: once with `ready`, carrying the four sockets, and once when a step failed.
struct ChildReport {
  bool ready = false;
  BoxStep step = BoxStep::kNone;
  int32_t error = 0;
  uint32_t phase_us[kPhases] = {};
  char detail[200] = {};  // what the kernel said beyond errno
};

inline constexpr size_t kBoxLayersMax = 500;

// The child's whole life. Entered in fresh user, pid, mount, network, ipc and uts namespaces.
[[noreturn]] void RunBoxChild(const BoxPlan& plan);

}  // namespace cove::sandbox
