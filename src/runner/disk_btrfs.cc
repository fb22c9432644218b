#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "image/dir.h"
#include "log/log.h"
#include "runner/disk.h"
#include "sys/btrfs.h"
#include "sys/loop_device.h"
#include "sys/small_file.h"

namespace cove::runner {
namespace {

constexpr const char* kImage = "disk.img";
constexpr const char* kUnfinished = "disk.img.new";
constexpr uint64_t kMiB = 1 << 20;
// As often as ext4 does, so that a power cut takes no more than there.
constexpr const char* kMountOptions = "discard=async,commit=5";
constexpr uint64_t kNothingMore = 1;

struct Space {
  uint64_t bytes;
  uint64_t available;
};

Result<Space> SpaceOf(int fd) {
  struct statvfs st{};
  if (fstatvfs(fd, &st) != 0) return Error::FromErrno("look at the space of the data disk");
  return Space{uint64_t{st.f_blocks} * st.f_frsize, uint64_t{st.f_bavail} * st.f_frsize};
}

Result<void> RunMkfs(const std::string& image) {
  std::string words[] = {"mkfs.btrfs", "-q", "-K", "-m", "single", "-d", "single", image};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* env[] = {path, nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  // It says at every call which of its defaults are new; whether it worked is in its status.
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  int error = ENOENT;
  for (const char* program : {"/usr/sbin/mkfs.btrfs", "/sbin/mkfs.btrfs", "/usr/bin/mkfs.btrfs"}) {
    if (error == ENOENT) error = posix_spawn(&pid, program, &files, &attributes, argv.data(), env);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error == ENOENT) {
    return Error(Code::kUnavailable,
                 "mkfs.btrfs is missing, which makes the file system that limits what sandboxes "
                 "write: install btrfs-progs");
  }
  if (error != 0) return Error::FromErrno("run mkfs.btrfs", error);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) {
    return Error(Code::kInternal,
                 "mkfs.btrfs failed with wait status " + std::to_string(status) + " on " + image);
  }
  return Ok();
}

// Under another name until it is whole: a power cut half-way leaves nothing that looks like one.
Result<void> MakeImage(int dir, const std::string& runner_dir) {
  if (unlinkat(dir, kUnfinished, 0) != 0 && errno != ENOENT)
    return image::DiskError("remove image");
  ASSIGN_OR_RETURN(const Space space, SpaceOf(dir));
  ASSIGN_OR_RETURN(const uint64_t size, ImageSize(space.bytes, space.available));
  const UniqueFd file(openat(dir, kUnfinished, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return image::DiskError("make the disk image");
  }
  RETURN_IF_ERROR(RunMkfs(runner_dir + "/" + kUnfinished));
  if (fsync(file.get()) != 0) return image::DiskError("sync the disk image");
  if (renameat(dir, kUnfinished, dir, kImage) != 0) return image::DiskError("name the disk image");
  if (fsync(dir) != 0) return image::DiskError("sync " + runner_dir);
  log::Info("disk.made", {{"image", runner_dir + "/" + kImage}, {"mib", size / kMiB}});
  return Ok();
}

class BtrfsDisk final : public Disk {
 public:
  BtrfsDisk(std::string mount, UniqueFd root, UniqueFd host)
      : mount_(std::move(mount)), root_(std::move(root)), host_(std::move(host)) {}
  ~BtrfsDisk() override {
    root_.Reset();
    (void)umount2(mount_.c_str(), MNT_DETACH);
  }

  Result<void> Prepare() {
    RETURN_IF_ERROR(sys::EnableBtrfsQuota(root_.get()));
    ASSIGN_OR_RETURN(const Space space, SpaceOf(root_.get()));
    // The rest is the file system's own: one that runs out of room for its trees is in trouble.
    sum_ = space.bytes - space.bytes / 16;
    return sys::LimitBtrfsSum(root_.get(), sum_);
  }

  Result<void> Make(const SandboxId& id, uint64_t bytes) override {
    auto made = sys::MakeSubvolume(root_.get(), id.value, bytes);
    if (!made && made.error().code() == Code::kConflict) return Limit(id, bytes);
    return made;
  }
  Result<void> Limit(const SandboxId& id, uint64_t bytes) override {
    ASSIGN_OR_RETURN(const UniqueFd dir, image::OpenDir(root_.get(), id.value));
    return sys::LimitSubvolume(dir.get(), bytes);
  }
  Result<uint64_t> Use(const SandboxId& id) const override {
    ASSIGN_OR_RETURN(const UniqueFd dir, image::OpenDir(root_.get(), id.value));
    return sys::SubvolumeUse(dir.get());
  }
  Result<void> Remove(const SandboxId& id) override {
    return sys::RemoveSubvolume(root_.get(), id.value);
  }
  Result<std::vector<SandboxId>> List() const override {
    ASSIGN_OR_RETURN(const auto names, image::SortedNames(root_.get()));
    return std::vector<SandboxId>(names.begin(), names.end());
  }
  std::string path(const SandboxId& id) const override { return mount_ + "/" + id.value; }
  Result<DiskFacts> Facts() const override {
    DiskFacts facts;
    facts.scheme = "btrfs image";
    ASSIGN_OR_RETURN(const Space own, SpaceOf(root_.get()));
    ASSIGN_OR_RETURN(const Space host, SpaceOf(host_.get()));
    facts.bytes = own.bytes;
    facts.available_bytes = own.available;
    facts.host_bytes = host.bytes;
    facts.host_available_bytes = host.available;
    facts.host_reserve_bytes = DiskReserve(host.bytes);
    return facts;
  }
  void Guard() override {
    const auto host = SpaceOf(host_.get());
    if (!host) return;
    const uint64_t reserve = DiskReserve(host->bytes);
    const bool tight = host->available < (tight_ ? reserve : reserve / 2);
    if (tight == tight_) return;
    const auto set = sys::LimitBtrfsSum(root_.get(), tight ? kNothingMore : sum_);
    if (!set) {
      log::Error("disk.guard_failed", {{"why", set.error().message()}});
      return;
    }
    tight_ = tight;
    log::Warn(tight ? "disk.tight" : "disk.wide_again", {{"free_mib", host->available / kMiB}});
  }

 private:
  std::string mount_;
  UniqueFd root_;
  UniqueFd host_;
  uint64_t sum_ = 0;
  bool tight_ = false;
};

}  // namespace

Result<std::unique_ptr<Disk>> OpenDisk(const std::string& runner_dir) {
  ASSIGN_OR_RETURN(UniqueFd host, image::OpenDirPath(runner_dir));
  UniqueFd image(openat(host.get(), kImage, O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!image && errno == ENOENT) {
    RETURN_IF_ERROR(MakeImage(host.get(), runner_dir));
    image = UniqueFd(openat(host.get(), kImage, O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!image) return image::DiskError("open the disk image");
  auto device = sys::AttachLoop(image.get());
  if (!device) return std::move(device).error().Wrap("attach " + runner_dir + "/" + kImage);
  const std::string mount_point = runner_dir + "/disk";
  RETURN_IF_ERROR(sys::MakeDir(mount_point, 0700));
  if (mount(device->path.c_str(), mount_point.c_str(), "btrfs", MS_NOSUID | MS_NODEV | MS_NOATIME,
            kMountOptions) != 0) {
    return Error::FromErrno("mount the disk image " + runner_dir + "/" + kImage +
                            " (is btrfs in this kernel?)");
  }
  auto root = image::OpenDirPath(mount_point);
  if (!root) {
    (void)umount2(mount_point.c_str(), MNT_DETACH);
    return std::move(root).error();
  }
  auto disk = std::make_unique<BtrfsDisk>(mount_point, *std::move(root), std::move(host));
  RETURN_IF_ERROR(disk->Prepare());
  return std::unique_ptr<Disk>(std::move(disk));
}

}  // namespace cove::runner
