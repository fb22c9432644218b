#include "proto/runner_client.h"

#include <algorithm>

namespace cove::proto {
namespace {

using runner::Type;

template <class T>
Result<T> Only(Result<T> decoded, const std::vector<UniqueFd>& fds) {
  if (!fds.empty()) return Error(Code::kInternal, "the runner sent descriptors where none belong");
  return decoded;
}

}  // namespace

RunnerClient::RunnerClient(UniqueFd channel) : channel_(std::move(channel)) {
  tasks_.Spawn(ReadAll());
  tasks_.Spawn(WriteAll());
}

RunnerClient::~RunnerClient() = default;

Task<Result<RunnerClient::Welcome>> RunnerClient::WaitHello(TimePoint deadline) {
  if (!co_await welcomed_.Wait(deadline)) {
    co_return Error(Code::kTimeout, "the runner did not greet in time");
  }
  if (!welcome_) co_return Error(Code::kUnavailable, "the runner is gone: " + broken_);
  Welcome out = std::move(*welcome_);
  welcome_.reset();
  co_return std::move(out);
}

void RunnerClient::SendReady() { outgoing_.Push({Type::kFrontReady, std::string()}); }

Task<void> RunnerClient::WaitClosed() { co_await closed_.Wait(); }

void RunnerClient::set_on_exited(OnExited callback) {
  on_exited_ = std::move(callback);
  if (!on_exited_) return;
  for (const auto& event : std::exchange(early_exits_, {})) on_exited_(event);
}

Task<Result<RunnerClient::Answer>> RunnerClient::Call(Type type, std::string body,
                                                      OnProgress on_progress) {
  if (!broken_.empty()) co_return Error(Code::kUnavailable, "the runner is gone: " + broken_);
  runner::Request request;
  request.number = next_number_++;
  request.body = std::move(body);
  Pending pending;
  pending.on_progress = std::move(on_progress);
  struct Registration {
    std::map<uint64_t, Pending*>& map;
    uint64_t number;
    ~Registration() { map.erase(number); }
  } registration{pending_, request.number};
  pending_[request.number] = &pending;
  outgoing_.Push({type, Encode(request)});
  co_await pending.done.Wait();
  if (!*pending.reply) co_return std::move(*pending.reply).error();
  Answer answer;
  answer.body = *std::move(*pending.reply);
  answer.fds = std::move(pending.fds);
  co_return std::move(answer);
}

Task<Result<RunningBox>> RunnerClient::CallForBox(Type type, std::string body) {
  CO_ASSIGN_OR_RETURN(Answer answer, co_await Call(type, std::move(body)));
  RunningBox box;
  CO_ASSIGN_OR_RETURN(box.info, Decode<runner::BoxStarted>(answer.body));
  if (answer.fds.size() != runner::kBoxSockets) {
    co_return Error(Code::kInternal, "the runner sent the wrong number of sockets");
  }
  box.sockets.tcp4 = std::move(answer.fds[0]);
  box.sockets.tcp6 = std::move(answer.fds[1]);
  box.sockets.dns_udp = std::move(answer.fds[2]);
  box.sockets.dns_tcp = std::move(answer.fds[3]);
  co_return std::move(box);
}

Task<Result<RunningBox>> RunnerClient::CreateBox(runner::BoxCreate request) {
  return CallForBox(Type::kBoxCreate, Encode(request));
}

Task<Result<RunningBox>> RunnerClient::StartBox(SandboxId id) {
  return CallForBox(Type::kBoxStart, Encode(runner::BoxRef{std::move(id)}));
}

Task<Result<RunningBox>> RunnerClient::AttachBox(SandboxId id) {
  return CallForBox(Type::kBoxAttach, Encode(runner::BoxRef{std::move(id)}));
}

Task<Result<void>> RunnerClient::StopBox(SandboxId id, milliseconds grace) {
  const auto ms = static_cast<uint32_t>(std::clamp<int64_t>(grace.count(), 0, UINT32_MAX));
  const std::string body = Encode(runner::BoxStop{std::move(id), ms});
  CO_RETURN_IF_ERROR(co_await Call(Type::kBoxStop, body));
  co_return Ok();
}

Task<Result<void>> RunnerClient::DeleteBox(SandboxId id) {
  const std::string body = Encode(runner::BoxRef{std::move(id)});
  CO_RETURN_IF_ERROR(co_await Call(Type::kBoxDelete, body));
  co_return Ok();
}

Task<Result<void>> RunnerClient::PauseBox(SandboxId id) {
  const std::string body = Encode(runner::BoxRef{std::move(id)});
  CO_RETURN_IF_ERROR(co_await Call(Type::kBoxPause, body));
  co_return Ok();
}

Task<Result<void>> RunnerClient::ResumeBox(SandboxId id) {
  const std::string body = Encode(runner::BoxRef{std::move(id)});
  CO_RETURN_IF_ERROR(co_await Call(Type::kBoxResume, body));
  co_return Ok();
}

Task<Result<std::vector<runner::BoxInfo>>> RunnerClient::ListBoxes() {
  CO_ASSIGN_OR_RETURN(const Answer answer, co_await Call(Type::kBoxList, std::string()));
  CO_ASSIGN_OR_RETURN(auto list, Only(Decode<runner::BoxList>(answer.body), answer.fds));
  if (on_room_) on_room_(list.room);
  co_return std::move(list.boxes);
}

Task<Result<runner::ImageInfo>> RunnerClient::SnapshotBox(SandboxId id, OnProgress on_progress) {
  const std::string body = Encode(runner::BoxSnapshot{std::move(id)});
  CO_ASSIGN_OR_RETURN(const Answer answer,
                      co_await Call(Type::kBoxSnapshot, body, std::move(on_progress)));
  co_return Only(Decode<runner::ImageInfo>(answer.body), answer.fds);
}

Task<Result<void>> RunnerClient::ResizeBox(SandboxId id, runner::Limits limits) {
  const std::string body = Encode(runner::BoxResize{std::move(id), limits});
  CO_RETURN_IF_ERROR(co_await Call(Type::kBoxResize, body));
  co_return Ok();
}

Task<Result<runner::ImageInfo>> RunnerClient::HostImage(std::string trust, OnProgress on_progress) {
  const std::string body = Encode(runner::ImageHost{std::move(trust)});
  CO_ASSIGN_OR_RETURN(const Answer answer,
                      co_await Call(Type::kImageHost, body, std::move(on_progress)));
  co_return Only(Decode<runner::ImageInfo>(answer.body), answer.fds);
}

Task<Result<std::vector<runner::ImageInfo>>> RunnerClient::ListImages() {
  CO_ASSIGN_OR_RETURN(const Answer answer, co_await Call(Type::kImageList, std::string()));
  CO_ASSIGN_OR_RETURN(auto list, Only(Decode<runner::ImageList>(answer.body), answer.fds));
  co_return std::move(list.images);
}

Task<Result<void>> RunnerClient::DeleteImage(ImageId id) {
  const std::string body = Encode(runner::ImageRef{std::move(id)});
  CO_RETURN_IF_ERROR(co_await Call(Type::kImageDelete, body));
  co_return Ok();
}

Task<void> RunnerClient::ReadAll() {
  for (;;) {
    auto frame = co_await channel_.Receive();
    if (!frame) {
      Break(frame.error().message());
      co_return;
    }
    if (auto handled = OnFrame(*std::move(frame)); !handled) {
      Break(handled.error().message());
      co_return;
    }
  }
}

// One writer: frames never mix, and a caller that is cancelled cannot leave half a frame behind.
Task<void> RunnerClient::WriteAll() {
  for (;;) {
    auto message = co_await outgoing_.Pop();
    const auto type = static_cast<uint16_t>(message.first);
    if (auto sent = co_await channel_.SendRaw(type, std::move(message.second)); !sent) {
      Break(sent.error().message());
      co_return;
    }
  }
}

Result<void> RunnerClient::OnFrame(Frame frame) {
  if (frame.type == static_cast<uint16_t>(Type::kMore)) {
    begun_ += frame.body;
    return Ok();
  }
  if (!begun_.empty()) frame.body = std::exchange(begun_, {}) + frame.body;
  switch (static_cast<Type>(frame.type)) {
    case Type::kReply:
      return OnReply(std::move(frame));
    case Type::kProgress: {
      ASSIGN_OR_RETURN(const auto progress, Decode<runner::Progress>(frame.body));
      const auto it = pending_.find(progress.number);
      if (it != pending_.end() && it->second->on_progress) it->second->on_progress(progress.text);
      return Ok();
    }
    case Type::kHello: {
      ASSIGN_OR_RETURN(auto hello, Decode<runner::Hello>(frame.body));
      if (hello.version != runner::kVersion || frame.fds.size() != 1) {
        return Error(Code::kInvalid, "the runner speaks another version: restart `cove serve`");
      }
      welcome_.emplace(Welcome{hello, std::move(frame.fds[0])});
      welcomed_.Set();
      return Ok();
    }
    case Type::kBoxExited: {
      ASSIGN_OR_RETURN(auto event, Decode<runner::BoxExited>(frame.body));
      if (on_exited_) {
        on_exited_(event);
      } else {
        early_exits_.push_back(std::move(event));
      }
      return Ok();
    }
    case Type::kBoxOom: {
      ASSIGN_OR_RETURN(const auto event, Decode<runner::BoxOom>(frame.body));
      if (on_oom_) on_oom_(event);
      return Ok();
    }
    case Type::kRoom: {
      ASSIGN_OR_RETURN(const auto room, Decode<Room>(frame.body));
      if (on_room_) on_room_(room);
      return Ok();
    }
    default:
      return Error(Code::kInvalid, "the runner sent a message of an unknown type");
  }
}

Result<void> RunnerClient::OnReply(Frame frame) {
  ASSIGN_OR_RETURN(auto reply, Decode<runner::Reply>(frame.body));
  const auto it = pending_.find(reply.number);
  if (it == pending_.end()) return Ok();  // the caller was cancelled
  Pending& pending = *it->second;
  if (reply.ok) {
    pending.reply.emplace(std::move(reply.body));
    pending.fds = std::move(frame.fds);
  } else {
    const auto code = reply.code <= static_cast<uint8_t>(Code::kInternal)
                          ? static_cast<Code>(reply.code)
                          : Code::kInternal;
    pending.reply.emplace(Error(code, std::move(reply.message)));
  }
  pending_.erase(it);
  pending.done.Set();
  return Ok();
}

void RunnerClient::Break(std::string why) {
  if (!broken_.empty()) return;
  broken_ = why.empty() ? "the channel broke" : std::move(why);
  for (auto& [number, pending] : std::exchange(pending_, {})) {
    pending->reply.emplace(Error(Code::kUnavailable, "the runner is gone: " + broken_));
    pending->done.Set();
  }
  welcomed_.Set();
  closed_.Set();
}

}  // namespace cove::proto
