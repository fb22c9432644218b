// Goal: a file is replaced whole, and what cannot be written leaves the old one. Method: a
// directory of this test's, and names that cannot be.
#include "base/durable_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing.h"

namespace cove {
namespace {

TEST(DurableFileTest, ReplacesTheWholeFileWithItsMode) {
  const TempDir dir;
  dir.File("key", "old and longer", 0644);
  dir.File("key.new", "of one that died half-way", 0666);
  ASSERT_TRUE(WriteDurably(dir / "key", "new", 0600));
  EXPECT_EQ(dir.Read("key"), "new");
  struct stat st{};
  ASSERT_EQ(stat((dir / "key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_FALSE(dir.Has("key.new"));
}

TEST(DurableFileTest, WhatCannotBeWrittenIsAnErrorWithItsPath) {
  const TempDir dir;
  dir.Dir("key/below");
  const auto over = WriteDurably(dir / "key", "new", 0600);
  ASSERT_FALSE(over);
  EXPECT_NE(over.error().message().find(dir / "key"), std::string::npos) << over.error().message();
  EXPECT_FALSE(WriteDurably(dir / "none/key", "new", 0600));
  EXPECT_FALSE(SyncFolder(dir / "none"));
}

}  // namespace
}  // namespace cove
