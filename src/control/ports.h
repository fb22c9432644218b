// What control needs done by others, as interfaces and functions, so that it knows neither the
// runner's channel nor the gateway, and tests can be the other side. All are called on the loop
// and must outlive Sandboxes.
#pragma once

#include <functional>
#include <optional>
#include <set>

#include "control/sandbox.h"
#include "proto/runner_client.h"
#include "proto/toolbox.h"
#include "store/store.h"

namespace cove::identity {
class Previews;
}

namespace cove::control {

using async::Task;

// The runner; runner_link.h makes one of a proto::RunnerClient. A request is carried out even if
// its task is destroyed.
class Runner {
 public:
  using OnProgress = std::function<void(std::string_view line)>;
  virtual ~Runner() = default;
  virtual Task<Result<proto::RunningBox>> CreateBox(proto::runner::BoxCreate request) = 0;
  virtual Task<Result<proto::RunningBox>> StartBox(SandboxId id) = 0;
  virtual Task<Result<proto::RunningBox>> AttachBox(SandboxId id) = 0;
  virtual Task<Result<void>> StopBox(SandboxId id, milliseconds grace) = 0;
  virtual Task<Result<void>> DeleteBox(SandboxId id) = 0;
  virtual Task<Result<void>> PauseBox(SandboxId id) = 0;
  virtual Task<Result<void>> ResumeBox(SandboxId id) = 0;
  virtual Task<Result<void>> ResizeBox(SandboxId id, proto::runner::Limits limits) = 0;
  virtual Task<Result<std::vector<proto::runner::BoxInfo>>> ListBoxes() = 0;
  virtual Task<Result<proto::runner::ImageInfo>> SnapshotBox(SandboxId id) = 0;
  virtual Task<Result<proto::runner::ImageInfo>> HostImage(OnProgress on_progress) = 0;
  virtual Task<Result<std::vector<proto::runner::ImageInfo>>> ListImages() = 0;
  virtual Task<Result<void>> DeleteImage(ImageId id) = 0;
};

// The toolbox of a sandbox, by the path of its socket.
class Toolbox {
 public:
  virtual ~Toolbox() = default;
  virtual Task<Result<void>> Configure(std::string socket, proto::toolbox::EnvList env) = 0;
  // Runs `true`, whatever comes of it: the toolbox answers, and what only a first command pays
  // (half a millisecond) is paid.
  virtual Task<Result<void>> Try(std::string socket) = 0;
  // Commands that the host started and that still run.
  virtual Task<Result<uint32_t>> Running(std::string socket) = 0;
  // Before a pause and after it: meanwhile the time limits of commands do not count.
  virtual Task<Result<void>> StopClocks(std::string socket) = 0;
  virtual Task<Result<void>> StartClocks(std::string socket) = 0;
};

// The door out. `attach` takes over the sockets of a sandbox that has just started (or was
// adopted); it serves until `detach`, which closes them all before it returns. `update`: the
// network settings or the secrets changed. `check` (may be empty) refuses settings that could not
// be kept.
struct Door {
  std::function<Result<void>(const Network&)> check;
  std::function<Result<void>(const Sandbox&, proto::RunningBox)> attach;
  std::function<void(const SandboxId&)> detach;
  std::function<void(const Sandbox&)> update;
};

// The machine as it is now, for admission.
struct MachineFacts {
  double cpus = 1;
  uint64_t memory_bytes = 0;            // in all
  uint64_t memory_available_bytes = 0;  // now
  uint64_t disk_bytes = 0;              // of the disk of all sandboxes
  std::optional<proto::Room> room;      // as the runner told it last
};
MachineFacts ReadMachineFacts(const std::string& data_dir);

struct Settings {
  Resources defaults;
  Intervals intervals;
  std::string default_snapshot{kHostSnapshot};
  // Whose images the runner has. Another server's are used as they are: it makes and removes none.
  enum class Images { kOwn, kBorrowed } images = Images::kOwn;
  Profile host_profile = Profile::kDefault;  // of sandboxes made from "host"
  std::string target = "local";              // the name of this machine's region
  // The most that one sandbox may ask for; 0: what the machine has.
  double cpu_max = 0;
  double memory_gib_max = 0;
  double disk_gib_max = 0;
  // How much may be promised in all, as a multiple of what the machine has.
  double memory_overcommit = 4;
  double disk_overcommit = 16;
  size_t pool_size = 0;  // boxes of the default snapshot that are kept ready
  uint32_t pids = 1024;  // processes and threads in one sandbox; a sandbox may ask for fewer
  int io_weight_max = 100;
  size_t sandboxes_max = 10000;
  // What puts auto-stop and auto-pause off.
  std::set<Activity> activity = {Activity::kApi, Activity::kPreview, Activity::kTerminal,
                                 Activity::kCommand, Activity::kModel};
  // Whether the use of a paused sandbox resumes it.
  bool resume_on_use = false;
  milliseconds stop_grace{5000};
  Duration start_deadline = seconds(60);
  Duration image_deadline = seconds(600);  // a first capture of the host
  Duration check_period = seconds(5);      // of the intervals
};

struct Deps {
  store::Store* store = nullptr;
  Runner* runner = nullptr;
  Toolbox* toolbox = nullptr;
  identity::Previews* previews = nullptr;
  Door door;
  // The placeholder of an organisation's secret; nothing if there is no such secret. Empty: there
  // are none at all.
  std::function<std::optional<std::string>(const OrgId&, const std::string& name)> placeholder;
  std::function<MachineFacts()> machine;
  // Processes of a sandbox were killed for want of memory; may be empty.
  std::function<void(const Sandbox&, uint64_t kills)> on_oom;
  // It was stopped for a snapshot, could not be started again, and is down; may be empty.
  std::function<void(const Sandbox&, const std::string& why)> on_down;
  std::function<WallTime()> wall = WallNow;
};

}  // namespace cove::control
