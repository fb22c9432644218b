// Goal: a snapshot holds exactly what the sandbox wrote, and two different ones never share an id.
// Method: upper directories with everything overlayfs and a hostile user put there. Needs root.
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/testing.h"
#include "image/dir.h"
#include "image/job.h"
#include "image/store.h"

namespace cove::image {
namespace {

class SnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override { NEEDS_ROOT(); }
  Result<ImageInfo> Take() { return TakeTo(images, 0); }
  Result<ImageInfo> TakeTo(const TempDir& to, uint64_t keep_free) {
    const UniqueFd dir(open((upper / "u").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return Snapshot(dir.get(), to.fd(), {base}, keep_free, {});
  }
  const ImageId base{std::string(64, 'a')};
  TempDir upper;
  TempDir images;
};

TEST_F(SnapshotTest, KeepsWhiteoutsAttributesLinksAndOwners) {
  upper.File("u/home/f", "data", 04755);
  ASSERT_EQ(chown((upper / "u/home/f").c_str(), 1000, 1000), 0);
  ASSERT_EQ(chmod((upper / "u/home/f").c_str(), 04755), 0);
  ASSERT_EQ(link((upper / "u/home/f").c_str(), (upper / "u/second").c_str()), 0);
  ASSERT_EQ(mknod((upper / "u/gone").c_str(), S_IFCHR, makedev(0, 0)), 0);
  ASSERT_EQ(setxattr((upper / "u/home").c_str(), "user.overlay.opaque", "y", 1, 0), 0);
  ASSERT_EQ(setxattr((upper / "u/home").c_str(), "trusted.evil", "y", 1, 0), 0);
  ASSERT_EQ(symlink("/etc/passwd", (upper / "u/link").c_str()), 0);
  ASSERT_EQ(mkfifo((upper / "u/pipe").c_str(), 0600), 0);
  const auto info = Take();
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->layers, (std::vector<ImageId>{base, info->id}));
  const std::string at = info->id.value + "/root/";
  EXPECT_EQ(images.Read(at + "home/f"), "data");
  const auto st = images.Stat(at + "home/f");
  EXPECT_EQ(st.st_uid, 1000u);
  EXPECT_EQ(st.st_mode & 07777, 04755u);
  EXPECT_EQ(st.st_ino, images.Stat(at + "second").st_ino);
  EXPECT_EQ(images.Stat(at + "gone").st_rdev, makedev(0, 0));
  char value[8];
  EXPECT_EQ(getxattr((images / (at + "home")).c_str(), "user.overlay.opaque", value, 8), 1);
  EXPECT_LT(getxattr((images / (at + "home")).c_str(), "trusted.evil", value, 8), 0);
  EXPECT_EQ(std::filesystem::read_symlink(images / (at + "link")), "/etc/passwd");
  EXPECT_TRUE(S_ISFIFO(images.Stat(at + "pipe").st_mode));
}

TEST_F(SnapshotTest, SameMetadataWithOtherContentIsAnotherImage) {
  const timespec when[2] = {{1000, 0}, {1000, 0}};
  upper.File("u/f", "one");
  ASSERT_EQ(utimensat(AT_FDCWD, (upper / "u/f").c_str(), when, 0), 0);
  const auto first = Take();
  upper.File("u/f", "two");
  ASSERT_EQ(utimensat(AT_FDCWD, (upper / "u/f").c_str(), when, 0), 0);
  const auto second = Take();
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->id, second->id);
  EXPECT_EQ(images.Read(first->id.value + "/root/f"), "one");
}

TEST_F(SnapshotTest, LeavesNothingBehindWhenItFails) {
  upper.Dir("u");
  UniqueFd at(openat(upper.fd(), "u", O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < 1100; ++i) {
    auto next = MakeDir(at.get(), "d", 0700);
    ASSERT_TRUE(next);
    at = *std::move(next);
  }
  const auto info = Take();
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code(), Code::kInvalid);
  EXPECT_TRUE(std::filesystem::is_empty(images.path()));
}

TEST_F(SnapshotTest, LeavesTheReserveOfTheDiskAlone) {
  const TempDir memory("/dev/shm");  // as a box's disk is another one: nothing becomes a reflink
  struct statvfs st{};
  ASSERT_EQ(fstatvfs(memory.fd(), &st), 0);
  const uint64_t free = uint64_t{st.f_bavail} * st.f_frsize;
  upper.File("u/data", std::string(40 << 20, 'x'));
  auto info = TakeTo(memory, free + (64 << 20));
  ASSERT_FALSE(info) << "there was too little before";
  EXPECT_EQ(info.error().code(), Code::kExhausted);
  info = TakeTo(memory, free - (8 << 20));
  ASSERT_FALSE(info) << "there would have been too little";
  EXPECT_EQ(info.error().code(), Code::kExhausted);
  EXPECT_NE(info.error().message().find("kept in reserve"), std::string::npos)
      << info.error().message();
  EXPECT_TRUE(std::filesystem::is_empty(memory.path()));
}

// What is kept of each file with several names is bounded, or a sandbox would take the memory of
// the machine.
TEST_F(SnapshotTest, LinksBelowPathsOfTooManyBytesBecomeFilesOfTheirOwn) {
  upper.Dir("u");
  UniqueFd at(openat(upper.fd(), "u", O_RDONLY | O_DIRECTORY));
  const std::string long_name(250, 'd');
  for (int i = 0; i < 18; ++i) {
    auto next = MakeDir(at.get(), long_name, 0700);
    ASSERT_TRUE(next);
    at = *std::move(next);
  }
  ASSERT_TRUE(WriteNewFile(at.get(), "a", "x", 0600, 0, 0));
  ASSERT_EQ(linkat(at.get(), "a", at.get(), "b", 0), 0);
  const auto info = Take();
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->bytes, 2u);
}

}  // namespace
}  // namespace cove::image
