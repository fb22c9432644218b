// Goal: what a box may write is bounded by the kernel, and its image survives the runner's death.
// Method: the real disk, made below a directory of this test, in a mount namespace of its own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

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
  while (fd && written < 512 * kMiB) {
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
  EXPECT_EQ(disk->Limit(kA, 8 * kMiB).error().code(), Code::kConflict);
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

TEST_F(DiskTest, AHalfMadeImageIsNotTaken) {
  disk.reset();
  for (int i = 0; i < 1000 && LoopsOf(image()) != 0; ++i) usleep(1000);
  std::filesystem::rename(image(), image() + ".new");
  std::filesystem::resize_file(image() + ".new", kMiB);
  Open();
  EXPECT_GT(std::filesystem::file_size(image()), 512 * kMiB);
  EXPECT_FALSE(std::filesystem::exists(image() + ".new"));
}

TEST(DiskSizeTest, LeavesTheMachineAReserve) {
  constexpr uint64_t kGiB = 1 << 30;
  EXPECT_EQ(DiskReserve(10 * kGiB), kGiB);
  EXPECT_EQ(DiskReserve(1000 * kGiB), 8 * kGiB);
  EXPECT_EQ(*ImageSize(10 * kGiB, 5 * kGiB), 4 * kGiB);
  EXPECT_EQ(ImageSize(10 * kGiB, kGiB).error().code(), Code::kExhausted);
}

TEST(UidRangesTest, DirectoriesShareNoSlotAndTheGoneGiveTheirsBack) {
  std::string name = "/tmp/cove-uids-XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  for (const char* dir : {"/a", "/b", "/c"}) std::filesystem::create_directory(name + dir);
  auto a = UidRanges::Open(name + "/registry", name + "/a");
  auto b = UidRanges::Open(name + "/registry", name + "/b");
  ASSERT_TRUE(a && b);
  const uint32_t of_a = *a->FreeSlot({});
  const uint32_t of_b = *b->FreeSlot({});
  EXPECT_NE(of_a / kSlotsPerBlock, of_b / kSlotsPerBlock);
  EXPECT_EQ(b->Keep(of_a).error().code(), Code::kConflict);
  auto again = UidRanges::Open(name + "/registry", name + "/a");
  EXPECT_EQ(*again->FreeSlot({}), of_a) << "a restart keeps the block";
  EXPECT_EQ(*again->FreeSlot({of_a}), of_a + 1);
  std::filesystem::remove(name + "/a");
  auto c = UidRanges::Open(name + "/registry", name + "/c");
  EXPECT_EQ(*c->FreeSlot({}), of_a) << "its owner is gone";
  // A claim cut short names nobody.
  std::ofstream(name + "/registry/" + std::to_string(of_b / kSlotsPerBlock)) << "1 2";
  EXPECT_TRUE(c->Keep(of_b));
  c->Release();
  EXPECT_FALSE(
      std::filesystem::exists(name + "/registry/" + std::to_string(of_a / kSlotsPerBlock)));
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace cove::runner
