#include "runner/jobs.h"

#include <sched.h>
#include <signal.h>
#include <sys/statvfs.h>

#include "image/store.h"
#include "log/log.h"
#include "runner/disk.h"
#include "runner/spawn.h"

namespace cove::runner {
namespace {

using image::Job;
using proto::runner::ImageInfo;

constexpr uint64_t kWorkerNamespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

Result<ImageInfo> FromDone(const proto::Frame& frame) {
  ASSIGN_OR_RETURN(auto done, proto::Decode<image::JobDone>(frame.body));
  if (done.ok) return std::move(done.image);
  const auto code = done.code <= static_cast<uint8_t>(Code::kInternal)
                        ? static_cast<Code>(done.code)
                        : Code::kInternal;
  return Error(code, std::move(done.message));
}

// Of the disk that `dir` is on.
uint64_t ReserveOf(int dir) {
  struct statvfs st{};
  return fstatvfs(dir, &st) == 0 ? DiskReserve(uint64_t{st.f_blocks} * st.f_frsize) : 0;
}

Task<void> WaitForEnd(Child child) { co_await child.Wait(); }

}  // namespace

// Holds the worker of a job; the job's end, however it comes, is not held up by it.
struct Jobs::Killer {
  ~Killer() {
    if (child.pid() == 0) return;
    child.Signal(SIGKILL);
    jobs.dying_.Spawn(WaitForEnd(std::move(child)));
  }
  Jobs& jobs;
  Child child;
};

Task<Result<ImageInfo>> Jobs::RunOne(Job job, std::string body, std::vector<int> fds,
                                     Progress progress) {
  CO_ASSIGN_OR_RETURN(auto ends, net::StreamPair());
  SpawnRequest request;
  request.args = {"worker"};
  request.env = {"PATH=/usr/bin:/bin"};
  request.fds = {{ends.second.get(), image::kWorkerChannelFd}};
  request.namespaces = kWorkerNamespaces;
  CO_ASSIGN_OR_RETURN(Child spawned, Spawn(request));
  Killer worker{*this, std::move(spawned)};
  ends.second.Reset();
  proto::Channel channel(std::move(ends.first));
  CO_RETURN_IF_ERROR(
      co_await channel.SendRaw(static_cast<uint16_t>(job), std::move(body), std::move(fds)));
  for (;;) {
    auto frame = co_await channel.Receive();
    if (!frame) {
      const int status = co_await worker.child.Wait();
      co_return Error(Code::kInternal,
                      "a worker ended with wait status " + std::to_string(status) + " half-way");
    }
    if (frame->type == static_cast<uint16_t>(Job::kDone)) {
      auto result = FromDone(*frame);
      co_await worker.child.Wait();
      co_return result;
    }
    const auto line = proto::Decode<image::ProgressLine>(frame->body);
    if (line && progress) progress(line->text);
  }
}

Task<Result<ImageInfo>> Jobs::ImageJob(Job job, std::string body, std::vector<int> fds,
                                       Progress progress) {
  auto result = co_await RunOne(job, std::move(body), std::move(fds), std::move(progress));
  if (!result) {
    // A worker that was killed left its half image; no other one is at work while we hold the turn.
    if (auto swept = image::TrashUnfinished(data_.images(), data_.trash()); !swept) {
      log::Warn("image.sweep_failed", {{"why", swept.error().message()}});
    }
    EmptyTrash();
  }
  co_return result;
}

Task<Result<ImageInfo>> Jobs::CaptureHost(std::string trust, Progress progress) {
  const auto mine = co_await image_turn_.Take();
  const std::string body = proto::Encode(
      image::CaptureHostJob{data_.runner_path(), std::move(trust), ReserveOf(data_.images())});
  co_return co_await ImageJob(Job::kCaptureHost, body, {}, std::move(progress));
}

Task<Result<ImageInfo>> Jobs::Snapshot(UniqueFd upper, std::vector<ImageId> below,
                                       Progress progress) {
  const auto mine = co_await image_turn_.Take();
  const std::string body =
      proto::Encode(image::SnapshotJob{std::move(below), ReserveOf(data_.images())});
  std::vector<int> fds = {upper.get(), data_.images()};
  co_return co_await ImageJob(Job::kSnapshot, body, std::move(fds), std::move(progress));
}

Task<Result<void>> Jobs::Reclaim(sys::Reclaim from) {
  const std::string body = proto::Encode(image::ReclaimJob{std::move(from.text)});
  CO_RETURN_IF_ERROR(co_await RunOne(Job::kReclaim, body, {from.file.get(), from.stat.get()}, {}));
  co_return Ok();
}

Task<Result<void>> Jobs::Sync(UniqueFd dir) {
  CO_RETURN_IF_ERROR(co_await RunOne(Job::kSync, std::string(), {dir.get()}, {}));
  co_return Ok();
}

void Jobs::EmptyTrash() {
  trash_changed_ = true;
  if (emptying_) return;
  emptying_ = true;
  tasks_.Spawn(KeepTrashEmpty());
}

Task<void> Jobs::DrainTrash(TimePoint deadline) {
  while (emptying_ && Now() < deadline) co_await async::Sleep(milliseconds(10));
}

Task<void> Jobs::KeepTrashEmpty() {
  while (trash_changed_) {
    trash_changed_ = false;
    auto done = co_await RunOne(Job::kEmptyTrash, std::string(), {data_.trash()}, {});
    // What cannot be removed now is tried again at the next start.
    if (!done) log::Warn("trash.not_emptied", {{"why", done.error().message()}});
  }
  emptying_ = false;
}

}  // namespace cove::runner
