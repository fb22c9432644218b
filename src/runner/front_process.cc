#include "runner/front_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "async/task_group.h"
#include "log/log.h"

namespace cove::runner {
namespace {

using proto::runner::Type;

constexpr seconds kYoung{1};
constexpr milliseconds kPauseFirst{100};
constexpr milliseconds kPauseMax{5000};
constexpr int kTriesBeforeReady = 3;
constexpr int kExitUsage = 2;  // its configuration is wrong: trying again cannot help

}  // namespace

Task<Result<void>> FrontProcess::Run() {
  milliseconds pause{0};
  for (int tries = 1; !stopping_; ++tries) {
    const TimePoint started = Now();
    auto status = co_await RunOnce();
    // Once there was one, a machine that is short of something for a moment ends no server.
    if (!status && !ever_ready_) co_return std::move(status).error();
    if (stopping_) break;
    if (!status) {
      ++failed_starts_;
      log::Error("front.not_started", {{"why", status.error().message()}});
    } else {
      log::Error("front.died", {{"status", *status}, {"ever_ready", ever_ready_}});
      const bool usage = WIFEXITED(*status) && WEXITSTATUS(*status) == kExitUsage;
      if (!ever_ready_ && (usage || tries >= kTriesBeforeReady)) {
        co_return Error(Code::kUnavailable,
                        "the front could not start (its lines above say why); wait status " +
                            std::to_string(*status));
      }
    }
    if (Now() - started >= kYoung) {
      pause = milliseconds(0);
      continue;
    }
    pause = pause.count() == 0 ? kPauseFirst : std::min(pause * 2, kPauseMax);
    co_await wake_.Wait(Now() + pause);
  }
  co_return Ok();
}

Task<Result<int>> FrontProcess::RunOnce() {
  CO_ASSIGN_OR_RETURN(auto ends, net::StreamPair());
  std::vector<UniqueFd> fds;
  fds.emplace_back(fcntl(settings_.listener, F_DUPFD_CLOEXEC, 0));
  if (!fds.back()) co_return Error::FromErrno("duplicate the API's socket");
  SpawnRequest request;
  request.args = settings_.args;
  request.env = settings_.env;
  request.fds = {{ends.second.get(), 3}};
  if (settings_.config_fd >= 0) request.fds.push_back({settings_.config_fd, 4});
  if (settings_.uid != 0) request.unprivileged = settings_.uid;
  CO_ASSIGN_OR_RETURN(Child child, Spawn(request));
  ends.second.Reset();
  child_.emplace(std::move(child));
  log::Info("front.started", {{"pid", child_->pid()}});

  link_ = std::make_shared<FrontLink>(std::move(ends.first));
  proto::runner::Hello hello;
  hello.protocol_uid = settings_.uid;
  link_->Send(Type::kHello, hello, std::move(fds));
  int status = 0;
  {
    async::TaskGroup tasks;
    tasks.Spawn(WriteFrames(link_));
    tasks.Spawn(ReadFrames(link_));
    tasks.Spawn(KillAtTheEnd());
    if (stopping_) Stop();
    status = co_await child_->Wait();
    link_->Die();
  }
  link_.reset();
  child_.reset();
  co_return status;
}

Task<void> FrontProcess::ReadFrames(std::shared_ptr<FrontLink> link) {
  for (;;) {
    auto frame = co_await link->Receive();
    if (!frame) break;
    if (frame->type == static_cast<uint16_t>(Type::kFrontReady)) {
      ever_ready_ = true;
      if (settings_.on_ready) settings_.on_ready();
      continue;
    }
    const auto handled = settings_.on_frame(link, *std::move(frame));
    if (!handled) {
      log::Error("front.broke_contract", {{"why", handled.error().message()}});
      break;
    }
  }
  GiveUp();
}

Task<void> FrontProcess::WriteFrames(std::shared_ptr<FrontLink> link) {
  co_await link->Write();
  GiveUp();
}

// It closed the channel, or must not have it any longer: a front without one is of no use.
void FrontProcess::GiveUp() {
  if (child_ && !stopping_) child_->Signal(SIGKILL);
}

Task<void> FrontProcess::KillAtTheEnd() {
  co_await wake_.Wait();
  co_await async::Sleep(settings_.stop_wait);
  log::Error("front.does_not_end", {{"pid", child_->pid()}});
  child_->Signal(SIGKILL);
}

void FrontProcess::Stop() {
  stopping_ = true;
  wake_.Set();
  if (child_) child_->Signal(SIGTERM);
}

void FrontProcess::Kill() {
  stopping_ = true;
  wake_.Set();
  if (child_) child_->Signal(SIGKILL);
}

}  // namespace cove::runner
