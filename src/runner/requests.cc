#include "runner/requests.h"

#include <algorithm>

#include "image/store.h"
#include "log/log.h"
#include "runner/check.h"

namespace cove::runner {
namespace {

using proto::Decode;
using proto::Encode;
using proto::runner::Type;
namespace pr = proto::runner;

constexpr size_t kUnderWayMax = 4096;
constexpr uint32_t kGraceMax = 600'000;

}  // namespace

Result<void> Requests::Handle(std::shared_ptr<FrontLink> link, proto::Frame frame) {
  if (!frame.fds.empty()) return Error(Code::kInvalid, "the front sent descriptors");
  ASSIGN_OR_RETURN(auto request, Decode<pr::Request>(frame.body));
  if (tasks_.size() >= kUnderWayMax) {
    return Error(Code::kExhausted, "the front has too many requests under way");
  }
  tasks_.Spawn(Serve(std::move(link), static_cast<Type>(frame.type), std::move(request)));
  return Ok();
}

Task<void> Requests::Drain(TimePoint deadline) {
  while (tasks_.size() > 0 && Now() < deadline) co_await async::Sleep(milliseconds(20));
}

Task<void> Requests::Serve(std::shared_ptr<FrontLink> link, Type type, pr::Request request) {
  auto answer = co_await Do(link, type, request.number, std::move(request.body));
  pr::Reply reply;
  reply.number = request.number;
  reply.ok = answer.ok();
  if (answer) {
    reply.body = std::move(answer->body);
    link->Send(Type::kReply, reply, std::move(answer->fds));
    co_return;
  }
  reply.code = static_cast<uint8_t>(answer.error().code());
  reply.message = answer.error().message();
  log::Warn("request.failed", {{"type", static_cast<uint16_t>(type)},
                               {"code", CodeName(answer.error().code())},
                               {"why", reply.message}});
  link->Send(Type::kReply, reply);
}

Task<Result<Requests::Answer>> Requests::Do(std::shared_ptr<FrontLink> link, Type type,
                                            uint64_t number, std::string body) {
  switch (type) {
    case Type::kBoxCreate:
    case Type::kBoxStart:
    case Type::kBoxAttach:
    case Type::kBoxStop:
    case Type::kBoxDelete:
    case Type::kBoxPause:
    case Type::kBoxResume:
    case Type::kBoxList:
    case Type::kBoxResize:
      return DoBox(type, std::move(body));
    default:
      return DoImage(std::move(link), type, number, std::move(body));
  }
}

Task<Result<Requests::Answer>> Requests::DoBox(Type type, std::string body) {
  Answer answer;
  if (type == Type::kBoxList) {
    CO_RETURN_IF_ERROR(Decode<pr::Empty>(body));
    CO_ASSIGN_OR_RETURN(const proto::Room room, boxes_.RoomNow());
    answer.body = Encode(pr::BoxList{boxes_.List(), room});
    co_return std::move(answer);
  }
  if (type == Type::kBoxCreate) {
    CO_ASSIGN_OR_RETURN(auto request, Decode<pr::BoxCreate>(body));
    CO_RETURN_IF_ERROR(CheckCreate(request));
    CO_ASSIGN_OR_RETURN(Attached made, co_await boxes_.Create(std::move(request)));
    answer.body = Encode(made.info);
    answer.fds = std::move(made.sockets);
    co_return std::move(answer);
  }
  if (type == Type::kBoxStop) {
    CO_ASSIGN_OR_RETURN(auto request, Decode<pr::BoxStop>(body));
    CO_RETURN_IF_ERROR(CheckSandboxId(request.id));
    const milliseconds grace(std::min(request.grace_ms, kGraceMax));
    CO_RETURN_IF_ERROR(co_await boxes_.Stop(request.id, grace));
    co_return std::move(answer);
  }
  if (type == Type::kBoxResize) {
    CO_ASSIGN_OR_RETURN(auto request, Decode<pr::BoxResize>(body));
    CO_RETURN_IF_ERROR(CheckSandboxId(request.id));
    CO_RETURN_IF_ERROR(CheckLimits(request.limits));
    CO_RETURN_IF_ERROR(co_await boxes_.Resize(request.id, request.limits));
    co_return std::move(answer);
  }
  CO_ASSIGN_OR_RETURN(auto request, Decode<pr::BoxRef>(body));
  CO_RETURN_IF_ERROR(CheckSandboxId(request.id));
  if (type == Type::kBoxDelete) {
    CO_RETURN_IF_ERROR(co_await boxes_.Delete(request.id));
    co_return std::move(answer);
  }
  if (type == Type::kBoxPause) {
    CO_RETURN_IF_ERROR(co_await boxes_.Pause(request.id));
    co_return std::move(answer);
  }
  if (type == Type::kBoxResume) {
    CO_RETURN_IF_ERROR(co_await boxes_.Resume(request.id));
    co_return std::move(answer);
  }
  // Two statements: no conditional operator over awaited calls.
  Result<Attached> attached = Error(Code::kInternal, "unset");
  if (type == Type::kBoxStart) {
    attached = co_await boxes_.Start(request.id);
  } else {
    attached = co_await boxes_.Attach(request.id);
  }
  if (!attached) co_return std::move(attached).error();
  answer.body = Encode(attached->info);
  answer.fds = std::move(attached->sockets);
  co_return std::move(answer);
}

Task<Result<Requests::Answer>> Requests::DoImage(std::shared_ptr<FrontLink> link, Type type,
                                                 uint64_t number, std::string body) {
  Answer answer;
  const Jobs::Progress progress = [link, number](std::string_view line) {
    link->Send(Type::kProgress, pr::Progress{number, std::string(line)});
  };
  switch (type) {
    case Type::kImageHost: {
      CO_ASSIGN_OR_RETURN(auto request, Decode<pr::ImageHost>(body));
      CO_RETURN_IF_ERROR(CheckTrust(request.trust));
      CO_RETURN_IF_ERROR(boxes_.CheckOwnImages());
      CO_ASSIGN_OR_RETURN(const auto info,
                          co_await jobs_.CaptureHost(std::move(request.trust), progress));
      answer.body = Encode(info);
      co_return std::move(answer);
    }
    case Type::kBoxSnapshot: {
      CO_ASSIGN_OR_RETURN(auto request, Decode<pr::BoxSnapshot>(body));
      CO_RETURN_IF_ERROR(CheckSandboxId(request.id));
      CO_ASSIGN_OR_RETURN(const auto info, co_await boxes_.Snapshot(request.id, progress));
      answer.body = Encode(info);
      co_return std::move(answer);
    }
    case Type::kImageList: {
      CO_RETURN_IF_ERROR(Decode<pr::Empty>(body));
      CO_ASSIGN_OR_RETURN(auto images, image::ListImages(data_.images()));
      answer.body = Encode(pr::ImageList{std::move(images)});
      co_return std::move(answer);
    }
    case Type::kImageDelete: {
      CO_ASSIGN_OR_RETURN(auto request, Decode<pr::ImageRef>(body));
      CO_RETURN_IF_ERROR(CheckImageId(request.id));
      CO_RETURN_IF_ERROR(boxes_.DeleteImage(request.id));
      co_return std::move(answer);
    }
    default:
      co_return Error(Code::kInvalid, "the runner knows no such request");
  }
}

}  // namespace cove::runner
