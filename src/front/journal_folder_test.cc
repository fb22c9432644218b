// Goal: each data directory has a folder of its own for its journals, the same for its next
// process, and what somebody else has put there is not used. Method: directories of the test's own.
#include "front/journal_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/testing.h"

namespace cove::front {
namespace {

TEST(JournalFolderTest, ADataDirectoryFindsItsOwnAgainAndAnEmptyOneGoes) {
  const TempDir one;
  const TempDir two;
  std::string path;
  {
    JournalFolder first;
    JournalFolder other;
    ASSERT_TRUE(first.Open(one.path()));
    ASSERT_TRUE(other.Open(two.path()));
    EXPECT_NE(first.path(), other.path());
    path = first.path();
    std::ofstream(path + "/calls.0") << "left by a process that died";
  }
  {
    JournalFolder next;
    ASSERT_TRUE(next.Open(one.path()));
    EXPECT_EQ(next.path(), path);
    EXPECT_EQ(unlink((path + "/calls.0").c_str()), 0);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(JournalFolderTest, TheCopyOfADataDirectoryThatIsInUseHasOneOfItsOwn) {
  const TempDir one;
  const TempDir copy;
  JournalFolder first;
  ASSERT_TRUE(first.Open(one.path()));
  copy.File("calls.id", one.Read("calls.id"), 0600);
  std::string path;
  {
    JournalFolder second;
    ASSERT_TRUE(second.Open(copy.path()));
    EXPECT_NE(second.path(), first.path());
    path = second.path();
  }
  JournalFolder next;
  ASSERT_TRUE(next.Open(copy.path()));
  EXPECT_EQ(next.path(), path) << "and keeps it";
}

TEST(JournalFolderTest, WhatOthersCanReachIsNotUsed) {
  const TempDir dir;
  std::string path;
  {
    JournalFolder first;
    ASSERT_TRUE(first.Open(dir.path()));
    path = first.path();
  }
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  JournalFolder open;
  EXPECT_EQ(open.Open(dir.path()).error().code(), Code::kDenied);
  EXPECT_TRUE(open.path().empty());
  EXPECT_EQ(rmdir(path.c_str()), 0);
  ASSERT_EQ(symlink("/tmp", path.c_str()), 0);
  EXPECT_FALSE(open.Open(dir.path()));
  EXPECT_EQ(unlink(path.c_str()), 0);
}

}  // namespace
}  // namespace cove::front
