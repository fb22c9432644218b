// Goal: copies keep data and holes, removal survives hostile trees and never leaves its own.
// Method: trees in a temporary directory.
#include "image/dir.h"

#include "base/testing.h"

namespace cove::image {
namespace {

TEST(RemoveTreeTest, RemovesATreeDeeperThanPathsMayBe) {
  const TempDir tmp;
  UniqueFd at(openat(tmp.fd(), ".", O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < 3000; ++i) {
    auto next = MakeDir(at.get(), "directory", 0700);
    ASSERT_TRUE(next) << i << next.error().message();
    at = *std::move(next);
  }
  ASSERT_TRUE(WriteNewFile(at.get(), "f", "x", 0600, 0, 0));
  const auto gone = RemoveTree(tmp.fd(), "directory");
  ASSERT_TRUE(gone) << gone.error().message();
  EXPECT_FALSE(tmp.Has("directory"));
}

TEST(RemoveTreeTest, DoesNotFollowLinks) {
  const TempDir tmp;
  tmp.File("outside/kept", "x");
  tmp.Dir("tree");
  std::filesystem::create_symlink("../outside", tmp / "tree/link");
  ASSERT_TRUE(RemoveTree(tmp.fd(), "tree"));
  EXPECT_TRUE(tmp.Has("outside/kept"));
}

TEST(CopyDataTest, KeepsDataAndHoles) {
  const TempDir tmp;
  const UniqueFd in(openat(tmp.fd(), "in", O_RDWR | O_CREAT, 0600));
  ASSERT_EQ(ftruncate(in.get(), 64 << 20), 0);
  ASSERT_EQ(pwrite(in.get(), "middle", 6, 32 << 20), 6);
  const UniqueFd out(openat(tmp.fd(), "out", O_RDWR | O_CREAT, 0600));
  const auto copied = CopyData(in.get(), out.get());
  ASSERT_TRUE(copied) << copied.error().message();
  char text[6];
  ASSERT_EQ(pread(out.get(), text, 6, 32 << 20), 6);
  EXPECT_EQ(std::string_view(text, 6), "middle");
  EXPECT_EQ(tmp.Stat("out").st_size, 64 << 20);
  EXPECT_LT(tmp.Stat("out").st_blocks, 2048);
}

}  // namespace
}  // namespace cove::image
