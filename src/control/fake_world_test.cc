// Goal and method: see fake_world_test.h.
#include "control/fake_world_test.h"

#include <gtest/gtest.h>

#include "async/timer.h"

namespace cove::control {

Task<Result<void>> FakeWorld::Step(std::string name, std::function<Result<void>()> effect) {
  log.push_back(name);
  co_await async::Yield();
  if (auto it = failing.find(name); it != failing.end()) co_return it->second;
  const auto halt = halting.find(name);
  Result<void> outcome = Ok();
  if (halt == halting.end() || halt->second == Halt::kAfter) outcome = effect();
  if (halt != halting.end()) co_await async::Sleep(std::chrono::hours(1));
  co_return outcome;
}

proto::RunningBox FakeWorld::RunningBoxOf(const SandboxId& id) {
  proto::RunningBox box;
  box.info.id = id;
  box.info.toolbox_socket = "/run/box-" + id.value;
  box.info.tcp_port = 1;
  return box;
}

proto::runner::ImageInfo FakeWorld::ImageOf(const ImageId& id) {
  proto::runner::ImageInfo image;
  image.id = id;
  image.bytes = 4096;
  return image;
}

Task<Result<proto::RunningBox>> FakeWorld::CreateBox(proto::runner::BoxCreate request) {
  CO_RETURN_IF_ERROR(co_await Step("CreateBox", [this, request]() -> Result<void> {
    if (!images.contains(request.image)) return Error(Code::kNotFound, "no such image");
    if (boxes.contains(request.id)) return Error(Code::kConflict, "exists");
    boxes[request.id] = BoxState::kRunning;
    last_limits = request.limits;
    return Ok();
  }));
  co_return RunningBoxOf(request.id);
}

Task<Result<proto::RunningBox>> FakeWorld::StartBox(SandboxId id) {
  CO_RETURN_IF_ERROR(co_await Step("StartBox", [this, id]() -> Result<void> {
    if (!boxes.contains(id)) return Error(Code::kNotFound, "no such box");
    if (boxes[id] != BoxState::kStopped) return Error(Code::kConflict, "runs already");
    boxes[id] = BoxState::kRunning;
    return Ok();
  }));
  co_return RunningBoxOf(id);
}

Task<Result<proto::RunningBox>> FakeWorld::AttachBox(SandboxId id) {
  CO_RETURN_IF_ERROR(co_await Step("AttachBox", [this, id]() -> Result<void> {
    if (!boxes.contains(id)) return Error(Code::kNotFound, "no such box");
    if (boxes[id] == BoxState::kStopped) return Error(Code::kConflict, "does not run");
    return Ok();
  }));
  co_return RunningBoxOf(id);
}

Task<Result<void>> FakeWorld::PauseBox(SandboxId id) {
  co_return co_await Step("PauseBox", [this, id]() -> Result<void> {
    if (!boxes.contains(id)) return Error(Code::kNotFound, "no such box");
    if (boxes[id] == BoxState::kStopped) return Error(Code::kConflict, "does not run");
    boxes[id] = BoxState::kPaused;
    return Ok();
  });
}

Task<Result<void>> FakeWorld::ResumeBox(SandboxId id) {
  co_return co_await Step("ResumeBox", [this, id]() -> Result<void> {
    if (!boxes.contains(id)) return Error(Code::kNotFound, "no such box");
    if (boxes[id] == BoxState::kStopped) return Error(Code::kConflict, "does not run");
    boxes[id] = BoxState::kRunning;
    return Ok();
  });
}

Task<Result<void>> FakeWorld::ResizeBox(SandboxId id, proto::runner::Limits limits) {
  co_return co_await Step("ResizeBox", [this, id, limits]() -> Result<void> {
    if (!boxes.contains(id)) return Error(Code::kNotFound, "no such box");
    last_limits = limits;
    return Ok();
  });
}

// A paused box answers nothing: the caller of its toolbox would wait for ever.
Task<Result<void>> FakeWorld::StopClocks(std::string socket) {
  co_return co_await Step("StopClocks", [this, socket]() -> Result<void> {
    EXPECT_FALSE(IsPaused(socket)) << "a paused sandbox cannot answer";
    stopped_clocks.insert(socket);
    return Ok();
  });
}

Task<Result<void>> FakeWorld::StartClocks(std::string socket) {
  co_return co_await Step("StartClocks", [this, socket]() -> Result<void> {
    EXPECT_FALSE(IsPaused(socket)) << "a paused sandbox cannot answer";
    stopped_clocks.erase(socket);
    return Ok();
  });
}

bool FakeWorld::IsPaused(const std::string& socket) const {
  for (const auto& [id, state] : boxes) {
    if (RunningBoxOf(id).info.toolbox_socket == socket) return state == BoxState::kPaused;
  }
  return false;
}

Task<Result<void>> FakeWorld::StopBox(SandboxId id, milliseconds) {
  co_return co_await Step("StopBox", [this, id]() -> Result<void> {
    if (!boxes.contains(id)) return Error(Code::kNotFound, "no such box");
    boxes[id] = BoxState::kStopped;
    return Ok();
  });
}

Task<Result<void>> FakeWorld::DeleteBox(SandboxId id) {
  co_return co_await Step("DeleteBox", [this, id]() -> Result<void> {
    if (boxes.erase(id) == 0) return Error(Code::kNotFound, "no such box");
    return Ok();
  });
}

Task<Result<std::vector<proto::runner::BoxInfo>>> FakeWorld::ListBoxes() {
  CO_RETURN_IF_ERROR(co_await Step("ListBoxes", [] { return Ok(); }));
  std::vector<proto::runner::BoxInfo> out;
  for (const auto& [id, state] : boxes) {
    proto::runner::BoxInfo& box = out.emplace_back();
    box.id = id;
    box.state = state;
  }
  co_return out;
}

Task<Result<proto::runner::ImageInfo>> FakeWorld::SnapshotBox(SandboxId id) {
  const ImageId image("image-of-" + id.value);
  CO_RETURN_IF_ERROR(co_await Step("SnapshotBox", [this, id, image]() -> Result<void> {
    if (boxes[id] != BoxState::kStopped) return Error(Code::kConflict, "it runs");
    images.insert(image);
    return Ok();
  }));
  co_return ImageOf(image);
}

Task<Result<proto::runner::ImageInfo>> FakeWorld::HostImage(OnProgress on_progress) {
  if (on_progress) on_progress("capturing");
  CO_RETURN_IF_ERROR(co_await Step("HostImage", [this]() -> Result<void> {
    images.insert(host_image);
    return Ok();
  }));
  co_return ImageOf(host_image);
}

Task<Result<std::vector<proto::runner::ImageInfo>>> FakeWorld::ListImages() {
  CO_RETURN_IF_ERROR(co_await Step("ListImages", [] { return Ok(); }));
  std::vector<proto::runner::ImageInfo> out;
  for (const ImageId& id : images) out.push_back(ImageOf(id));
  co_return out;
}

Task<Result<void>> FakeWorld::DeleteImage(ImageId id) {
  co_return co_await Step("DeleteImage", [this, id]() -> Result<void> {
    images.erase(id);
    return Ok();
  });
}

Task<Result<void>> FakeWorld::Configure(std::string socket, proto::toolbox::EnvList list) {
  co_return co_await Step("Configure", [this, socket, list]() -> Result<void> {
    EXPECT_FALSE(IsPaused(socket)) << "a paused sandbox cannot answer";
    env[socket] = EnvMap(list.begin(), list.end());
    return Ok();
  });
}

Task<Result<void>> FakeWorld::Try(std::string) {
  co_return co_await Step("Try", [] { return Ok(); });
}

Task<Result<uint32_t>> FakeWorld::Running(std::string) {
  CO_RETURN_IF_ERROR(co_await Step("Running", [] { return Ok(); }));
  co_return running;
}

Door FakeWorld::MakeDoor() {
  Door door;
  door.attach = [this](const Sandbox& s, proto::RunningBox) -> Result<void> {
    log.push_back("attach");
    attached.insert(s.id);
    return Ok();
  };
  door.detach = [this](const SandboxId& id) {
    log.push_back("detach");
    attached.erase(id);
  };
  door.update = [this](const Sandbox&) { log.push_back("update"); };
  return door;
}

}  // namespace cove::control
