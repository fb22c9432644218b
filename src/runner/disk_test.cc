// Goal: what a box may write is bounded by the kernel, and its image survives the runner's death.
// Method: the real disk, made below a directory of this test, in a mount namespace of its own.
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "image/dir.h"
#include "runner/doctor.h"
#include "runner/testing.h"
#include "sys/loop_device.h"

namespace cove::runner {
namespace {

using testing::kA;
using testing::kB;

constexpr uint64_t kMiB = 1 << 20;

// Writes until it may not; gives the errno and how much went in.
std::pair<int, uint64_t> Fill(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  const std::string block(kMiB, 'x');
  uint64_t written = 0;
  if (!fd) return {errno, 0};
  while (written < 512 * kMiB) {
    const ssize_t n = write(fd.get(), block.data(), block.size());
    if (n < 0) return {errno, written};
    written += static_cast<uint64_t>(n);
  }
  return {0, written};
}

// Files without content until there may be no more.
std::pair<int, int> FillNames(const std::string& dir) {
  for (int i = 0; i < 500'000; ++i) {
    const UniqueFd fd(
        open((dir + "/" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!fd) return {errno, i};
  }
  return {0, 0};
}

int LoopsOf(const std::string& image) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/block")) {
    std::ifstream in(entry.path() / "loop/backing_file");
    std::string text;
    if (std::getline(in, text) && text == image) ++count;
  }
  return count;
}

// This process's only child; 0: it has none.
pid_t OnlyChild() {
  std::ifstream in("/proc/self/task/" + std::to_string(gettid()) + "/children");
  pid_t pid = 0;
  in >> pid;
  return pid;
}

// Whether it waits in write(2), as proc(5) tells it.
bool ChildWrites() {
  std::ifstream in("/proc/" + std::to_string(OnlyChild()) + "/syscall");
  std::string call;
  return in >> call && call == std::to_string(SYS_write);
}

Task<void> UntilTheChildWrites() {
  const TimePoint until = Now() + seconds(4);
  while (!ChildWrites() && Now() < until) co_await async::Sleep(milliseconds(2));
}

Task<void> UntilNoChild() {
  const TimePoint until = Now() + seconds(20);
  while (OnlyChild() != 0 && Now() < until) co_await async::Sleep(milliseconds(2));
}

class DiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    Open();
  }
  void Open() {
    auto opened = OpenDisk(runner());
    ASSERT_TRUE(opened) << opened.error().message();
    disk = *std::move(opened);
  }
  std::string runner() { return data.data().runner_path(); }
  std::string image() { return runner() + "/disk.img"; }
  async::Loop loop;
  testing::TempData data;
  std::unique_ptr<Disk> disk;
};

TEST_F(DiskTest, AFullBoxGetsAnErrorAndItsNeighbourNothing) {
  ASSERT_TRUE(disk->Make(kA, 32 * kMiB));
  ASSERT_TRUE(disk->Make(kB, 64 * kMiB));
  const auto [error, written] = Fill(disk->path(kA) + "/f");
  EXPECT_EQ(error, EDQUOT);
  EXPECT_GT(written, 16 * kMiB);
  EXPECT_LE(written, 32 * kMiB);
  std::ofstream(disk->path(kB) + "/f") << "x";
  EXPECT_TRUE(std::filesystem::exists(disk->path(kB) + "/f"));
  Jobs jobs(data.data());
  auto dir = image::OpenDirPath(disk->path(kA));
  ASSERT_TRUE(dir);
  const auto synced = loop.RunUntil(jobs.Sync(*std::move(dir)));
  ASSERT_TRUE(synced) << synced.error().message();
  EXPECT_GT(*disk->Use(kA), 16 * kMiB);
  EXPECT_LE(*disk->Use(kA), 32 * kMiB);
  EXPECT_LT(*disk->Use(kB), 4 * kMiB);
  ASSERT_TRUE(disk->Limit(kA, 128 * kMiB));
  EXPECT_GT(Fill(disk->path(kA) + "/g").second, 32 * kMiB) << "a grown limit holds at once";
}

TEST_F(DiskTest, FilesWithoutContentCountToo) {
  ASSERT_TRUE(disk->Make(kA, 16 * kMiB));
  // Close to a limit the kernel commits every few files: most of the room goes to one big one.
  std::ofstream(disk->path(kA) + "/big") << std::string(14 * kMiB, 'x');
  const auto [error, files] = FillNames(disk->path(kA));
  EXPECT_EQ(error, EDQUOT);
  EXPECT_GT(files, 100);
  EXPECT_LT(files, 20'000);
}

TEST_F(DiskTest, TheNextRunnerFindsTheSameFileSystemAndNothingIsLeftAtTheEnd) {
  ASSERT_TRUE(disk->Make(kA, 0));
  // What runs on: a descriptor in the file system, as a box's mounts are.
  UniqueFd box(open((disk->path(kA) + "/f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(write(box.get(), "x", 1), 1);
  disk.reset();
  EXPECT_EQ(LoopsOf(image()), 1);
  Open();
  EXPECT_EQ(LoopsOf(image()), 1) << "a second device on the same image would destroy it";
  struct stat before{};
  struct stat now{};
  ASSERT_EQ(fstat(box.get(), &before), 0);
  ASSERT_EQ(stat((disk->path(kA) + "/f").c_str(), &now), 0);
  EXPECT_EQ(before.st_dev, now.st_dev);
  box.Reset();
  ASSERT_TRUE(disk->Remove(kA));
  ASSERT_TRUE(disk->Remove(kA)) << "absent is fine";
  EXPECT_TRUE(disk->List()->empty());
  disk.reset();
  for (int i = 0; i < 1000 && LoopsOf(image()) != 0; ++i) usleep(1000);
  EXPECT_EQ(LoopsOf(image()), 0);
}

TEST_F(DiskTest, ARemovedBoxMayStillBeOpen) {
  ASSERT_TRUE(disk->Make(kA, 0));
  UniqueFd file(open((disk->path(kA) + "/f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_TRUE(disk->Remove(kA));
  EXPECT_TRUE(disk->List()->empty());
  ASSERT_TRUE(disk->Make(kA, 32 * kMiB)) << "its name is free at once";
}

// Paused boxes' memory is given back by a write that the kernel may not end for long. Here it is
// one to a file system that is frozen.
Task<void> Reclaim(Jobs* jobs, sys::Reclaim from) { (void)co_await jobs->Reclaim(std::move(from)); }

TEST_F(DiskTest, AJobThatIsCancelledHoldsNobodyUpWhileItsWorkerIsInTheKernel) {
  ASSERT_TRUE(disk->Make(kA, 0));
  const UniqueFd root(open(disk->path(kA).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UniqueFd file(open((disk->path(kA) + "/f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  UniqueFd stat(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Jobs jobs(data.data());
  ASSERT_EQ(ioctl(root.get(), FIFREEZE, 0), 0) << errno;
  std::atomic<bool> thawed = false;
  // However this ends, the file system must not stay so.
  std::jthread thaw([&](const std::stop_token& stop) {
    const TimePoint until = Now() + seconds(5);
    while (!stop.stop_requested() && Now() < until) usleep(10'000);
    thawed = true;
    ioctl(root.get(), FITHAW, 0);
  });
  {
    async::TaskGroup group;
    group.Spawn(Reclaim(&jobs, {std::move(file), std::move(stat), "x"}));
    loop.RunUntil(UntilTheChildWrites());
    ASSERT_TRUE(ChildWrites());
    group.Clear();
  }
  EXPECT_FALSE(thawed) << "it waited for its worker";
  EXPECT_NE(OnlyChild(), 0) << "the kernel holds it";
  thaw.request_stop();
  thaw.join();
  loop.RunUntil(UntilNoChild());
  EXPECT_EQ(OnlyChild(), 0);
}

TEST_F(DiskTest, AHalfMadeImageIsNotTaken) {
  disk.reset();
  for (int i = 0; i < 1000 && LoopsOf(image()) != 0; ++i) usleep(1000);
  std::filesystem::rename(image(), image() + ".new");
  std::filesystem::resize_file(image() + ".new", kMiB);
  Open();
  EXPECT_GT(std::filesystem::file_size(image()), 512 * kMiB);
  EXPECT_FALSE(std::filesystem::exists(image() + ".new"));
}

TEST_F(DiskTest, WithoutMkfsItRefusesAndNamesThePackage) {
  disk.reset();
  for (int i = 0; i < 1000 && LoopsOf(image()) != 0; ++i) usleep(1000);
  ASSERT_TRUE(std::filesystem::remove(image()));
  for (const char* dir : {"/usr/sbin", "/sbin"}) {
    ASSERT_EQ(mount("none", dir, "tmpfs", 0, "size=4k"), 0) << dir;
  }
  const auto refused = OpenDisk(runner());
  const auto findings = Examine(data / "");
  for (const char* dir : {"/sbin", "/usr/sbin"}) ASSERT_EQ(umount(dir), 0) << dir;
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  EXPECT_NE(refused.error().message().find("install btrfs-progs"), std::string::npos);
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& f) { return f.what == "mkfs.btrfs"; });
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->health, Health::kBad);
  EXPECT_EQ(found->advice, "install btrfs-progs");
  EXPECT_FALSE(std::filesystem::exists(image())) << "nothing half made stays";
}

// A file system of its own for the data, whose size this test changes under it.
class DiskGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(mount("none", dir().c_str(), "tmpfs", 0, "size=3g"), 0);
    auto opened = OpenDisk(dir());
    ASSERT_TRUE(opened) << opened.error().message();
    disk = *std::move(opened);
    ASSERT_TRUE(disk->Make(kA, 64 * kMiB));
  }
  void TearDown() override {
    disk.reset();
    ASSERT_EQ(umount2(dir().c_str(), MNT_DETACH), 0);
  }
  std::string dir() { return data.data().runner_path(); }
  void SetHostSize(const char* size) {
    ASSERT_EQ(mount("none", dir().c_str(), "tmpfs", MS_REMOUNT, size), 0);
  }
  testing::TempData data;
  std::unique_ptr<Disk> disk;
};

TEST_F(DiskGuardTest, BelowHalfOfTheReserveNobodyMayWriteUntilThereIsRoomAgain) {
  disk->Guard();
  EXPECT_GT(Fill(disk->path(kA) + "/before").second, 32 * kMiB);
  ASSERT_TRUE(std::filesystem::remove(disk->path(kA) + "/before"));
  SetHostSize("size=800m");
  disk->Guard();
  const auto facts = disk->Facts();
  EXPECT_LT(facts->host_available_bytes, facts->host_reserve_bytes)
      << "creates are refused by this";
  std::ofstream(disk->path(kA) + "/small") << "x";
  EXPECT_EQ(std::filesystem::file_size(disk->path(kA) + "/small"), 1u) << "half is still there";
  SetHostSize("size=400m");
  disk->Guard();
  const auto [error, written] = Fill(disk->path(kA) + "/tight");
  EXPECT_EQ(error, EDQUOT);
  EXPECT_LE(written, kMiB);
  SetHostSize("size=800m");
  disk->Guard();
  EXPECT_EQ(Fill(disk->path(kA) + "/tight").first, EDQUOT) << "not before the reserve is whole";
  SetHostSize("size=3g");
  disk->Guard();
  EXPECT_GT(Fill(disk->path(kA) + "/after").second, 32 * kMiB);
}

// More is promised than there is (decision 0065): who comes last gets an error inside, and the disk
// behind keeps its reserve.
TEST(DiskOvercommitTest, BoxesThatFillTheDiskTogetherGetErrorsAndNobodyElseDoes) {
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  testing::TempData data;
  const std::string dir = data.data().runner_path();
  ASSERT_EQ(mount("none", dir.c_str(), "tmpfs", 0, "size=1600m"), 0);
  {
    auto opened = OpenDisk(dir);
    ASSERT_TRUE(opened) << opened.error().message();
    Disk& disk = **opened;
    const SandboxId all[] = {kA, kB, SandboxId("cccccccc-0000-4000-8000-000000000003")};
    uint64_t promised = 0;
    uint64_t written = 0;
    int last = 0;
    for (const SandboxId& id : all) {
      ASSERT_TRUE(disk.Make(id, 300 * kMiB));
      promised += 300 * kMiB;
    }
    for (const SandboxId& id : all) {
      const auto [error, bytes] = Fill(disk.path(id) + "/f");
      EXPECT_TRUE(error == EDQUOT || error == ENOSPC) << error;
      written += bytes;
      last = error;
    }
    EXPECT_NE(last, 0);
    EXPECT_GT(promised, disk.Facts()->bytes) << "or nothing is shown";
    EXPECT_LT(written, disk.Facts()->bytes);
    disk.Guard();
    const auto facts = disk.Facts();
    ASSERT_TRUE(facts);
    EXPECT_GT(facts->host_available_bytes, facts->host_reserve_bytes / 2)
        << "the disk behind has what the server and the file system need";
    const auto late = disk.Make(SandboxId("dddddddd-0000-4000-8000-000000000004"), 16 * kMiB);
    if (!late) EXPECT_EQ(late.error().code(), Code::kExhausted) << late.error().message();
    EXPECT_TRUE(disk.Remove(kA)) << "and one that goes can go";
    EXPECT_EQ(disk.List()->size(), late ? 3u : 2u);
  }
  ASSERT_EQ(umount2(dir.c_str(), MNT_DETACH), 0);
}

TEST(DiskSizeTest, LeavesTheMachineAReserve) {
  constexpr uint64_t kGiB = 1 << 30;
  EXPECT_EQ(DiskReserve(10 * kGiB), kGiB);
  EXPECT_EQ(DiskReserve(1000 * kGiB), 8 * kGiB);
  EXPECT_EQ(*ImageSize(10 * kGiB, 5 * kGiB), 4 * kGiB);
  EXPECT_EQ(ImageSize(10 * kGiB, kGiB).error().code(), Code::kExhausted);
}

}  // namespace
}  // namespace cove::runner
