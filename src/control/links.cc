#include "control/links.h"

#include "proto/toolbox_client.h"

namespace cove::control {

Task<Result<proto::RunningBox>> RunnerLink::CreateBox(proto::runner::BoxCreate request) {
  return client_.CreateBox(std::move(request));
}
Task<Result<proto::RunningBox>> RunnerLink::StartBox(SandboxId id) {
  return client_.StartBox(std::move(id));
}
Task<Result<proto::RunningBox>> RunnerLink::AttachBox(SandboxId id) {
  return client_.AttachBox(std::move(id));
}
Task<Result<void>> RunnerLink::StopBox(SandboxId id, milliseconds grace) {
  return client_.StopBox(std::move(id), grace);
}
Task<Result<void>> RunnerLink::DeleteBox(SandboxId id) { return client_.DeleteBox(std::move(id)); }
Task<Result<void>> RunnerLink::PauseBox(SandboxId id) { return client_.PauseBox(std::move(id)); }
Task<Result<void>> RunnerLink::ResumeBox(SandboxId id) { return client_.ResumeBox(std::move(id)); }
Task<Result<std::vector<proto::runner::BoxInfo>>> RunnerLink::ListBoxes() {
  return client_.ListBoxes();
}
Task<Result<proto::runner::ImageInfo>> RunnerLink::SnapshotBox(SandboxId id) {
  return client_.SnapshotBox(std::move(id));
}
Task<Result<proto::runner::ImageInfo>> RunnerLink::HostImage(OnProgress on_progress) {
  return client_.HostImage(trust_, std::move(on_progress));
}
Task<Result<std::vector<proto::runner::ImageInfo>>> RunnerLink::ListImages() {
  return client_.ListImages();
}
Task<Result<void>> RunnerLink::DeleteImage(ImageId id) {
  return client_.DeleteImage(std::move(id));
}

Task<Result<void>> ToolboxLink::Configure(std::string socket, proto::toolbox::EnvList env) {
  proto::toolbox::ToolboxClient client(std::move(socket));
  co_return co_await client.Configure(std::move(env));
}

Task<Result<uint32_t>> ToolboxLink::Running(std::string socket) {
  proto::toolbox::ToolboxClient client(std::move(socket));
  CO_ASSIGN_OR_RETURN(const proto::toolbox::InfoReply info, co_await client.Info());
  co_return info.running;
}

Task<Result<void>> ToolboxLink::StopClocks(std::string socket) {
  proto::toolbox::ToolboxClient client(std::move(socket));
  co_return co_await client.StopClocks();
}

Task<Result<void>> ToolboxLink::StartClocks(std::string socket) {
  proto::toolbox::ToolboxClient client(std::move(socket));
  co_return co_await client.StartClocks();
}

}  // namespace cove::control
