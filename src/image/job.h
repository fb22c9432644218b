// Jobs on files: what runs in a disposable worker process (`cove worker`) so that the runner's loop
// never waits for the disk, and so that nobody powerful touches what a sandbox wrote.
//
// The worker has a channel as descriptor 3: one frame names the job and carries its directories;
// any number of kProgress and one kDone answer. It is started in mount, pid, network, ipc and uts
// namespaces of its own, and before it looks at a sandbox's files it gives up its root directory
// and every capability that copying files does not need.
#pragma once

#include "proto/channel.h"
#include "proto/runner.h"

namespace cove::image {

enum class Job : uint16_t {
  kCaptureHost = 1,  // CaptureHostJob; no descriptors
  kSnapshot = 2,     // SnapshotJob; descriptors: the upper directory, the images directory
  kEmptyTrash = 3,   // Empty; descriptor: the trash directory
  kReclaim = 4,      // ReclaimJob; descriptors: those of sys::Reclaim
  kSync = 5,         // Empty; descriptor: a directory of the file system to be synced
  kProgress = 10,    // ProgressLine
  kDone = 11,        // JobDone
};

inline constexpr int kWorkerChannelFd = 3;

struct CaptureHostJob {
  std::string runner_dir;  // its bind mount onto itself is taken off in the worker's namespace,
                           // because a hard link may not cross mounts
  std::string trust;       // see HostSource
  uint64_t keep_free = 0;  // bytes of the images' disk that stay free, or it fails
  template <class A>
  void Fields(A& a) {
    a(runner_dir, trust, keep_free);
  }
};

struct SnapshotJob {
  std::vector<ImageId> below;  // the layers under it, lowest first
  uint64_t keep_free = 0;      // bytes of the images' disk that stay free, or it fails
  template <class A>
  void Fields(A& a) {
    a(below, keep_free);
  }
};

struct ReclaimJob {
  std::string text;
  template <class A>
  void Fields(A& a) {
    a(text);
  }
};

struct ProgressLine {
  std::string text;
  template <class A>
  void Fields(A& a) {
    a(text);
  }
};

struct JobDone {
  bool ok = false;
  uint8_t code = 0;  // cove::Code when !ok
  std::string message;
  proto::runner::ImageInfo image;
  template <class A>
  void Fields(A& a) {
    a(ok, code, message, image);
  }
};

// The worker: does the one job that the channel names and returns the process's exit code.
int RunWorker(UniqueFd channel);

// Copies the upper directory of a stopped box into a new image on top of `below`. kExhausted: the
// disk would have less than `keep_free` bytes left; see CopyTree() for the others.
Result<proto::runner::ImageInfo> Snapshot(int upper, int images_dir,
                                          const std::vector<ImageId>& below, uint64_t keep_free,
                                          const std::function<void(std::string_view)>& progress);

}  // namespace cove::image
