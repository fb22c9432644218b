// The other sides of control for its tests: a runner with boxes in memory, toolboxes, a door.
//
// Every request is a step. A step can be made to fail, or to *halt*: its caller never hears of it,
// as when the front is killed there; before the request had its effect, or after.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "control/sandboxes.h"

namespace cove::control {

enum class Halt { kBefore, kAfter };

class FakeWorld final : public Runner, public Toolbox {
 public:
  using BoxState = proto::runner::BoxState;

  Task<Result<proto::RunningBox>> CreateBox(proto::runner::BoxCreate request) override;
  Task<Result<proto::RunningBox>> StartBox(SandboxId id) override;
  Task<Result<proto::RunningBox>> AttachBox(SandboxId id) override;
  Task<Result<void>> StopBox(SandboxId id, milliseconds grace) override;
  Task<Result<void>> DeleteBox(SandboxId id) override;
  Task<Result<void>> PauseBox(SandboxId id) override;
  Task<Result<void>> ResumeBox(SandboxId id) override;
  Task<Result<void>> ResizeBox(SandboxId id, proto::runner::Limits limits) override;
  Task<Result<std::vector<proto::runner::BoxInfo>>> ListBoxes() override;
  Task<Result<proto::runner::ImageInfo>> SnapshotBox(SandboxId id) override;
  Task<Result<proto::runner::ImageInfo>> HostImage(OnProgress on_progress) override;
  Task<Result<std::vector<proto::runner::ImageInfo>>> ListImages() override;
  Task<Result<void>> DeleteImage(ImageId id) override;
  Task<Result<void>> Configure(std::string socket, proto::toolbox::EnvList env) override;
  Task<Result<void>> Try(std::string socket) override;
  Task<Result<uint32_t>> Running(std::string socket) override;
  Task<Result<void>> StopClocks(std::string socket) override;
  Task<Result<void>> StartClocks(std::string socket) override;
  Door MakeDoor();

  // Forgets what a front held: the sockets it served.
  void FrontDied() { attached.clear(); }

  std::map<SandboxId, BoxState> boxes;
  std::map<std::string, EnvMap> env;  // by toolbox socket
  std::set<ImageId> images;
  std::set<SandboxId> attached;
  std::set<std::string> stopped_clocks;  // toolbox sockets
  uint32_t running = 0;
  ImageId host_image{"host-image-1"};
  proto::runner::Limits last_limits;
  std::vector<std::string> log;  // the names of all steps so far

  // The next steps of that name.
  std::map<std::string, Error> failing;
  std::map<std::string, Halt> halting;

 private:
  // Gives what became of a step; never returns if it halts after `effect`, or instead of it.
  Task<Result<void>> Step(std::string name, std::function<Result<void>()> effect);
  bool IsPaused(const std::string& socket) const;
  static proto::RunningBox RunningBoxOf(const SandboxId& id);
  static proto::runner::ImageInfo ImageOf(const ImageId& id);
};

}  // namespace cove::control
