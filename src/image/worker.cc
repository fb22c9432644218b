#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>

#include "async/loop.h"
#include "image/confine.h"
#include "image/dir.h"
#include "image/host_capture.h"
#include "image/job.h"
#include "image/store.h"
#include "log/log.h"
#include "sys/reclaim.h"

namespace cove::image {
namespace {

using proto::runner::ImageInfo;

constexpr int kFileCapabilities[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
                                     CAP_FSETID, CAP_MKNOD,        CAP_SETFCAP};

bool SameFile(int a, int b) {
  struct stat x{};
  struct stat y{};
  return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

// The images directory as the file system's own mount shows it. Where the directory is a mount of
// another file system, that one is kept: hard links are out of the question there.
Result<UniqueFd> OpenImagesUnbound(const std::string& runner_dir) {
  ASSIGN_OR_RETURN(const UniqueFd bound, OpenDirPath(runner_dir));
  if (umount2(runner_dir.c_str(), MNT_DETACH) == 0) {
    auto plain = OpenDirPath(runner_dir);
    if (plain && SameFile(bound.get(), plain->get())) return OpenDir(plain->get(), "images");
  }
  return OpenDir(bound.get(), "images");
}

Result<ImageInfo> DoCapture(const proto::Frame& frame, const Progress& progress) {
  ASSIGN_OR_RETURN(const auto job, proto::Decode<CaptureHostJob>(frame.body));
  ASSIGN_OR_RETURN(const UniqueFd images, OpenImagesUnbound(job.runner_dir));
  RETURN_IF_ERROR(KeepCapabilities(kFileCapabilities));
  RETURN_IF_ERROR(KeepFileCalls());
  HostSource source;
  source.trust = job.trust;
  return CaptureHost(source, images.get(), job.keep_free, progress);
}

Result<ImageInfo> DoSnapshot(const proto::Frame& frame, const Progress& progress) {
  ASSIGN_OR_RETURN(const auto job, proto::Decode<SnapshotJob>(frame.body));
  if (frame.fds.size() != 2) return Error(Code::kInternal, "a snapshot takes two directories");
  RETURN_IF_ERROR(EnterEmptyRoot());
  RETURN_IF_ERROR(KeepCapabilities(kFileCapabilities));
  RETURN_IF_ERROR(KeepFileCalls());
  return Snapshot(frame.fds[0].get(), frame.fds[1].get(), job.below, job.keep_free, progress);
}

Result<ImageInfo> DoEmptyTrash(const proto::Frame& frame) {
  if (frame.fds.size() != 1) return Error(Code::kInternal, "emptying takes one directory");
  RETURN_IF_ERROR(EnterEmptyRoot());
  RETURN_IF_ERROR(KeepCapabilities(kFileCapabilities));
  RETURN_IF_ERROR(KeepFileCalls());
  ASSIGN_OR_RETURN(const auto names, SortedNames(frame.fds[0].get()));
  for (const std::string& name : names) RETURN_IF_ERROR(RemoveTree(frame.fds[0].get(), name));
  return ImageInfo();
}

// The kernel works for as long as it takes, and gives up when we are killed.
Result<ImageInfo> DoReclaim(const proto::Frame& frame) {
  ASSIGN_OR_RETURN(const auto job, proto::Decode<ReclaimJob>(frame.body));
  if (frame.fds.size() != 2) return Error(Code::kInternal, "reclaiming takes two files");
  RETURN_IF_ERROR(EnterEmptyRoot());
  RETURN_IF_ERROR(KeepCapabilities({}));
  RETURN_IF_ERROR(sys::GiveMemoryBack(frame.fds[0].get(), frame.fds[1].get(), job.text));
  return ImageInfo();
}

// All of a file system, which may take as long as what all others write there.
Result<ImageInfo> DoSync(const proto::Frame& frame) {
  if (frame.fds.size() != 1) return Error(Code::kInternal, "syncing takes one directory");
  RETURN_IF_ERROR(EnterEmptyRoot());
  RETURN_IF_ERROR(KeepCapabilities({}));
  RETURN_IF_ERROR(KeepFileCalls());
  if (syncfs(frame.fds[0].get()) != 0) return DiskError("sync the disk of sandboxes");
  return ImageInfo();
}

Result<ImageInfo> Do(const proto::Frame& frame, const Progress& progress) {
  switch (static_cast<Job>(frame.type)) {
    case Job::kCaptureHost:
      return DoCapture(frame, progress);
    case Job::kSnapshot:
      return DoSnapshot(frame, progress);
    case Job::kEmptyTrash:
      return DoEmptyTrash(frame);
    case Job::kReclaim:
      return DoReclaim(frame);
    case Job::kSync:
      return DoSync(frame);
    default:
      return Error(Code::kInternal, "unknown job");
  }
}

}  // namespace

Result<ImageInfo> Snapshot(int upper, int images_dir, const std::vector<ImageId>& below,
                           uint64_t keep_free, const Progress& progress) {
  ASSIGN_OR_RETURN(NewImage image, NewImage::Begin(images_dir));
  Sha256 hash;
  hash.Update("snapshot 1\n");
  for (const ImageId& layer : below) hash.Update(layer.value + "\n");
  ASSIGN_OR_RETURN(const uint64_t bytes,
                   CopyTree(upper, image.root(), hash, progress, Reserve(images_dir, keep_free)));
  return std::move(image).Commit(ImageId(hash.Hex()), below, bytes);
}

int RunWorker(UniqueFd fd) {
  log::Configure("worker", log::Level::kInfo);
  async::Loop loop;
  proto::Channel channel(std::move(fd));
  auto frame = loop.RunUntil(channel.Receive());
  if (!frame) return 1;
  const auto progress = [&](std::string_view line) {
    // A runner that is gone does not stop the job: half a job would be lost work.
    const auto sent = loop.RunUntil(channel.Send(Job::kProgress, ProgressLine{std::string(line)}));
    (void)sent.ok();
  };
  auto result = Do(*frame, progress);
  JobDone done;
  done.ok = result.ok();
  if (result) {
    done.image = *std::move(result);
  } else {
    done.code = static_cast<uint8_t>(result.error().code());
    done.message = result.error().message();
  }
  const auto sent = loop.RunUntil(channel.Send(Job::kDone, done));
  return sent.ok() ? 0 : 1;
}

}  // namespace cove::image
