#include "control/links.h"

#include "proto/toolbox_client.h"

namespace cove::control {
namespace {

// A request that the runner's death cut off has no outcome: the front is about to end, and whoever
// waited must not take it for a failure and write that down. The next front finds out what came of
// it.
template <class T>
Task<Result<T>> UnlessGone(proto::RunnerClient& client, Task<Result<T>> request) {
  auto outcome = co_await std::move(request);
  async::Event never;
  if (client.closed()) co_await never.Wait();
  co_return outcome;
}

}  // namespace

Task<Result<proto::RunningBox>> RunnerLink::CreateBox(proto::runner::BoxCreate request) {
  return UnlessGone(client_, client_.CreateBox(std::move(request)));
}
Task<Result<proto::RunningBox>> RunnerLink::StartBox(SandboxId id) {
  return UnlessGone(client_, client_.StartBox(std::move(id)));
}
Task<Result<proto::RunningBox>> RunnerLink::AttachBox(SandboxId id) {
  return UnlessGone(client_, client_.AttachBox(std::move(id)));
}
Task<Result<void>> RunnerLink::StopBox(SandboxId id, milliseconds grace) {
  return UnlessGone(client_, client_.StopBox(std::move(id), grace));
}
Task<Result<void>> RunnerLink::DeleteBox(SandboxId id) {
  return UnlessGone(client_, client_.DeleteBox(std::move(id)));
}
Task<Result<void>> RunnerLink::PauseBox(SandboxId id) {
  return UnlessGone(client_, client_.PauseBox(std::move(id)));
}
Task<Result<void>> RunnerLink::ResumeBox(SandboxId id) {
  return UnlessGone(client_, client_.ResumeBox(std::move(id)));
}
Task<Result<void>> RunnerLink::ResizeBox(SandboxId id, proto::runner::Limits limits) {
  return UnlessGone(client_, client_.ResizeBox(std::move(id), limits));
}
Task<Result<std::vector<proto::runner::BoxInfo>>> RunnerLink::ListBoxes() {
  return UnlessGone(client_, client_.ListBoxes());
}
Task<Result<proto::runner::ImageInfo>> RunnerLink::SnapshotBox(SandboxId id) {
  return UnlessGone(client_, client_.SnapshotBox(std::move(id)));
}
Task<Result<proto::runner::ImageInfo>> RunnerLink::HostImage(OnProgress on_progress) {
  return UnlessGone(client_, client_.HostImage(trust_, std::move(on_progress)));
}
Task<Result<std::vector<proto::runner::ImageInfo>>> RunnerLink::ListImages() {
  return UnlessGone(client_, client_.ListImages());
}
Task<Result<void>> RunnerLink::DeleteImage(ImageId id) {
  return UnlessGone(client_, client_.DeleteImage(std::move(id)));
}

Task<Result<void>> ToolboxLink::Configure(std::string socket, proto::toolbox::EnvList env) {
  proto::toolbox::ToolboxClient client(std::move(socket));
  co_return co_await client.Configure(std::move(env));
}

Task<Result<void>> ToolboxLink::Try(std::string socket) {
  proto::toolbox::ToolboxClient client(std::move(socket));
  proto::toolbox::ExecRequest request;
  request.argv = {"true"};
  CO_RETURN_IF_ERROR(co_await client.Run(std::move(request)));
  co_return Ok();
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
