// Jobs: runs the work on files (image/job.h) in worker processes, one at a time for images and one
// for the trash. Cancelling a job kills its worker, and does not wait for its end, which may be as
// far off as that of a call in the kernel. Thread: loop-confined.
#pragma once

#include <functional>

#include "async/task_group.h"
#include "image/job.h"
#include "runner/data_dir.h"
#include "runner/turn.h"
#include "sys/reclaim.h"

namespace cove::runner {

using async::Task;

class Jobs {
 public:
  using Progress = std::function<void(std::string_view line)>;

  // `data` must outlive this.
  explicit Jobs(const DataDir& data) : data_(data) {}
  virtual ~Jobs() = default;

  virtual Task<Result<proto::runner::ImageInfo>> CaptureHost(std::string trust, Progress progress);
  virtual Task<Result<proto::runner::ImageInfo>> Snapshot(UniqueFd upper,
                                                          std::vector<ImageId> below,
                                                          Progress progress);
  // Gives that memory back, which may take its time. Cancelling ends it.
  virtual Task<Result<void>> Reclaim(sys::Reclaim from);
  // Returns when what was written to the file system of `dir` is on its disk, and counted there.
  virtual Task<Result<void>> Sync(UniqueFd dir);
  // Starts emptying the trash, unless that is under way; then it is looked at again afterwards.
  virtual void EmptyTrash();
  // Waits while that is under way. What is left at the deadline, the next start removes.
  Task<void> DrainTrash(TimePoint deadline);

 private:
  Task<Result<proto::runner::ImageInfo>> ImageJob(image::Job job, std::string body,
                                                  std::vector<int> fds, Progress progress);
  Task<Result<proto::runner::ImageInfo>> RunOne(image::Job job, std::string body,
                                                std::vector<int> fds, Progress progress);
  Task<void> KeepTrashEmpty();
  struct Killer;

  const DataDir& data_;
  Turn image_turn_;
  bool emptying_ = false;
  bool trash_changed_ = false;
  async::TaskGroup dying_;  // before tasks_, whose end gives it some
  async::TaskGroup tasks_;
};

}  // namespace cove::runner
