// The real Runner and Toolbox: the runner's channel and the toolbox's sockets.
#pragma once

#include "control/ports.h"

namespace cove::control {

class RunnerLink final : public Runner {
 public:
  explicit RunnerLink(proto::RunnerClient& client) : client_(client) {}
  // PEM certificates that host images trust besides the host's own.
  void set_trust(std::string pem) { trust_ = std::move(pem); }
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

 private:
  proto::RunnerClient& client_;
  std::string trust_;
};

class ToolboxLink final : public Toolbox {
 public:
  Task<Result<void>> Configure(std::string socket, proto::toolbox::EnvList env) override;
  Task<Result<void>> Try(std::string socket) override;
  Task<Result<uint32_t>> Running(std::string socket) override;
  Task<Result<void>> StopClocks(std::string socket) override;
  Task<Result<void>> StartClocks(std::string socket) override;
};

}  // namespace cove::control
