// NamespaceDriver runs sandboxes as processes in namespaces of their own.
//
// Concept: a box is a directory (upper/, work/ and state/ below box_dir) on top of read-only
// layers, and, while it runs, one toolbox process as PID 1 of fresh user, pid, mount, network, ipc,
// uts and cgroup namespaces. Two user namespaces are stacked: the outer one owns everything and
// runs the toolbox, the inner one is where all users, root included, live. There is no network
// card; what leaves a box arrives on the four sockets that Start() returns. How it is built and
// why: docs/decisions/0010 and following. What the toolbox finds: proto/boot.h.
//
// The caller (the runner) owns the directories, the uid ranges and the record of what runs; the
// driver keeps no state about a box besides its cgroups. A box outlives the process that started
// it: Adopt() takes it back.
//
// Privilege: needs root with CAP_SYS_ADMIN, CAP_SETUID and CAP_SYS_PTRACE of the initial user
// namespace, and must be single-threaded while Start() runs (the child shares its memory until it
// executes the toolbox).
// Thread: loop-confined.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"
#include "proto/runner.h"
#include "sys/cgroup.h"
#include "sys/mounts.h"
#include "sys/socket_bytes.h"

namespace cove::sandbox {

using async::Task;

// A directory or file of the host that a box sees as it is, at a path of its own. What the box's
// user 1000 writes there belongs to owner:group on the host, and what they own there is his; all
// other owners look like nobody. Neither set-id bits nor extended attributes can be set in a box
// that has a writable one: on the host they would count.
struct BoxShare {
  int source = -1;     // O_PATH, in this mount namespace; the caller keeps it open
  std::string name;    // for errors
  std::string target;  // absolute and plain: neither "." nor ".." nor "//" in it
  sys::MountAccess access = sys::MountAccess::kReadOnly;
  bool directory = true;
  uid_t owner = 0;
  gid_t group = 0;
};

struct BoxSpec {
  SandboxId id;
  std::vector<std::string> layers;  // absolute directories, lowest first, at most 500
  std::string box_dir;              // as PrepareBoxDir() makes it
  uint32_t uid_base = 0;            // first host id of the box's range of boot::kUserIds + 1
  proto::runner::Limits limits;     // disk_bytes is the caller's business
  std::string hostname;
  proto::Profile profile = proto::Profile::kDefault;
  // The caller removes it once the box has ended.
  std::string socket_path;  // where the toolbox's unix socket is made (0660, root:socket_gid)
  gid_t socket_gid = 0;
  std::vector<BoxShare> shares;  // attached in this order
  // Called once its first process has all its orders, while that builds the root: the place to
  // record the box. An error ends the start. May be empty.
  std::function<Result<void>(pid_t pid, uint64_t start_time)> record;
};

// Bound inside the box's network namespace; non-blocking, close-on-exec, listening.
struct BoxSockets {
  UniqueFd tcp4;
  UniqueFd tcp6;
  UniqueFd dns_udp;
  UniqueFd dns_tcp;
};

struct RunningBox {
  SandboxId id;
  pid_t pid = 0;            // PID 1 of the box, as the host sees it
  uint64_t start_time = 0;  // field 22 of /proc/PID/stat: with pid it names a process for ever
  UniqueFd pidfd;           // readable once the box has ended
  // Readable (eventfd, v1) or exceptional (POLLPRI, v2) when the work cgroup ran out of memory.
  UniqueFd oom_event;
  BoxSockets sockets;
};

struct BoxExit {
  bool known = false;  // false: the box was adopted and the kernel cannot tell
  int status = 0;      // as wait(2) gives it
  uint64_t oom_kills = 0;
};

inline constexpr size_t kShells = 8;

struct DriverOptions {
  std::string toolbox_path;            // the executable; copied into memory once, at Make()
  std::string cgroup_parent = "cove";  // below the root of each cgroup hierarchy
  size_t shells = kShells;             // made ahead; see shell_stock.h
};

// Makes upper/, work/ and state/ below `box_dir` (which is made too, 0700) with the owners that
// Start() expects, and in upper/ an /etc/hosts that also knows the box's own name, or sudo
// complains at every call. state/ comes last: a directory that has it is whole. What an interrupted
// call left is no error. REQUIRES: nothing has run in the box yet.
Result<void> PrepareBoxDir(const std::string& box_dir, const std::string& hostname);

class NamespaceDriver {
 public:
  // Fails, saying what is missing, on a machine where no box could run.
  static Result<std::unique_ptr<NamespaceDriver>> Make(DriverOptions options);
  virtual ~NamespaceDriver() = default;

  // Returns once the toolbox serves: its socket accepts, its box is complete. On error
  // (and on cancellation) nothing of it is left but what RemoveCgroups() removes.
  virtual Task<Result<RunningBox>> Start(BoxSpec spec) = 0;

  // Takes back a box that an earlier runner started: checks that the process is the same one,
  // takes its sockets from it and checks that they are what they should be. kGone: it has ended.
  virtual Result<RunningBox> Adopt(SandboxId id, pid_t pid, uint64_t start_time) = 0;

  // SIGKILL to PID 1, which ends all of the box; thaws it first. Ended already: fine.
  virtual Result<void> Kill(const RunningBox& box) = 0;

  // SIGKILL to every process in the box's cgroups, thawed first; for a box that runs though no
  // record of its PID 1 was kept (the runner died while it started it). Nothing there: fine.
  virtual Result<void> KillUnrecorded(SandboxId id) = 0;

  // Waits until every process of the box has ended and collects the status. `box` must outlive the
  // call. One waiter per box.
  virtual Task<BoxExit> WaitExit(const RunningBox& box) = 0;

  // Removes the box's cgroups once they are empty; waits for that at most until `deadline`.
  // Nothing there: fine.
  virtual Task<Result<void>> RemoveCgroups(SandboxId id, TimePoint deadline) = 0;

  // Ids of all boxes that have cgroups, running or not: what a restarted runner looks for.
  virtual Result<std::vector<SandboxId>> ListCgroups() = 0;

  // Whether Limits::io_weight has any effect on this machine.
  virtual bool WeighsIo() const = 0;

  // New limits for a running box: cpu, memory, pids and io weight. kConflict: it holds more memory
  // than that, and nothing has changed.
  virtual Result<void> Resize(SandboxId id, const proto::runner::Limits& limits) = 0;

  // Returns once every process of the box stands still. kTimeout: one that waits for a device does
  // not; the box runs on then. Paused already: fine.
  virtual Task<Result<void>> Pause(SandboxId id) = 0;
  // Not paused: fine.
  virtual Result<void> Resume(SandboxId id) = 0;
  virtual Result<bool> IsPaused(SandboxId id) = 0;
  // What gives the memory of a paused box back; see sys::CgroupTree::OpenReclaim().
  virtual Result<sys::Reclaim> OpenReclaim(SandboxId id) = 0;
  // Processes of the workload that the kernel killed for want of memory.
  virtual Result<uint64_t> OomKills(SandboxId id) = 0;
  // See sys::CgroupTree.
  virtual bool SocketsApart() = 0;
  virtual Result<uint64_t> BeyondMemory(SandboxId id, uint64_t uncounted) = 0;
  virtual Result<uint64_t> SocketBuffersInAll() = 0;
  // The network namespaces in which threads of the workload are, also those that it has made, and
  // what waits to be accepted in one (sys/socket_bytes.h).
  virtual std::vector<sys::Network> NetworksOf(SandboxId id) = 0;
  virtual Result<sys::Unaccepted> UnacceptedIn(const sys::Network& network) = 0;
  // Open files of the workload. A file that several processes have counts for each.
  virtual uint64_t FilesOf(SandboxId id) = 0;
  // SIGKILL to every process of the workload, and the toolbox knows why; the box runs on.
  virtual Result<void> KillForMemory(const RunningBox& box) = 0;
};

}  // namespace cove::sandbox
