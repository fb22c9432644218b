// Goal: only what an operator may give away is given, and by its own path. Method: Shares::Open on
// paths of the test and of the machine, and what the command line makes of --share.
#include "runner/shares.h"

#include <sched.h>
#include <sys/mount.h>

#include "runner/testing.h"

namespace cove::runner {
namespace {

using sys::MountAccess;

class SharesTest : public ::testing::Test {
 protected:
  SharesTest() { std::filesystem::create_directories(data_ / "data/runner"); }
  Result<Shares> Open(const std::string& source, MountAccess access = MountAccess::kReadWrite) {
    return Shares::Open({{source, "/app/x", access}}, data_ / "data");
  }
  testing::TempData data_;
};

TEST_F(SharesTest, ADirectoryOfOnesOwnIsGivenWithItsOwner) {
  const std::string source = data_ / "project";
  ASSERT_EQ(mkdir(source.c_str(), 0755), 0);
  ASSERT_EQ(chown(source.c_str(), 7, 8), 0);
  const auto shares = Open(source);
  ASSERT_TRUE(shares) << shares.error().message();
  const auto share = shares->ForBox().at(0);
  EXPECT_EQ(share.owner, 7u);
  EXPECT_EQ(share.group, 8u);
  EXPECT_TRUE(share.directory);
}

TEST_F(SharesTest, WhatNoSandboxMayHaveIsRefused) {
  EXPECT_EQ(Open("/proc/self").error().code(), Code::kDenied);
  EXPECT_EQ(Open("/sys", MountAccess::kReadOnly).error().code(), Code::kDenied);
  EXPECT_EQ(Open("/etc").error().code(), Code::kDenied);
  EXPECT_EQ(Open("/usr/lib").error().code(), Code::kDenied);
  EXPECT_TRUE(Open("/etc", MountAccess::kReadOnly));
  EXPECT_TRUE(Open("/usr/local"));
  EXPECT_EQ(Open(data_ / "data/runner").error().code(), Code::kDenied);
  const std::filesystem::path above = std::filesystem::path(data_ / "data").parent_path();
  EXPECT_EQ(Open(above).error().code(), Code::kDenied) << "it holds the data directory";
  EXPECT_EQ(Open("/tmp").error().code(), Code::kDenied) << "so does this";
  EXPECT_FALSE(Open(data_ / "absent"));
}

TEST_F(SharesTest, TheDataDirectoryIsKnownByAnyOfItsNames) {
  for (const char* dir : {"real", "real/data", "real/data/front", "beside"}) {
    ASSERT_EQ(mkdir((data_ / dir).c_str(), 0755), 0);
  }
  ASSERT_EQ(symlink("real", (data_ / "link").c_str()), 0);
  for (const char* name :
       {"link/data", "real/../real/data", "beside/..//real/data", "real/data/"}) {
    const auto open = [&](const char* source) {
      return Shares::Open({{data_ / source, "/app/x", MountAccess::kReadOnly}}, data_ / name);
    };
    EXPECT_EQ(open("real").error().code(), Code::kDenied) << name;
    EXPECT_EQ(open("real/data").error().code(), Code::kDenied) << name;
    EXPECT_EQ(open("real/data/front").error().code(), Code::kDenied) << name;
    EXPECT_TRUE(open("beside")) << name;
  }
}

// A second place where the data directory, or what holds it, is mounted.
TEST_F(SharesTest, AMountOfTheDataDirectoryIsRefused) {
  NEEDS_ROOT();
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  for (const char* dir : {"real", "real/data", "other"}) {
    ASSERT_EQ(mkdir((data_ / dir).c_str(), 0755), 0);
  }
  for (const char* source : {"real", "real/data"}) {
    ASSERT_EQ(mount((data_ / source).c_str(), (data_ / "other").c_str(), nullptr, MS_BIND, nullptr),
              0);
    const auto shares =
        Shares::Open({{data_ / "other", "/app/x", MountAccess::kReadOnly}}, data_ / "real/data");
    EXPECT_EQ(umount((data_ / "other").c_str()), 0);
    ASSERT_FALSE(shares) << source;
    EXPECT_EQ(shares.error().code(), Code::kDenied) << shares.error().message();
  }
}

TEST_F(SharesTest, ALinkAnywhereOnTheWayIsRefused) {
  ASSERT_EQ(mkdir((data_ / "real").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((data_ / "real/in").c_str(), 0755), 0);
  ASSERT_EQ(symlink("real", (data_ / "link").c_str()), 0);
  EXPECT_EQ(Open(data_ / "link").error().code(), Code::kDenied);
  EXPECT_EQ(Open(data_ / "link/in").error().code(), Code::kDenied);
}

TEST(ShareOption, IsThreeWordsWithPlainPaths) {
  const auto options =
      ParseOptions({"--share", "rw:/a%3Ab:/app/a%3Ab", "--share=ro:/c:/d", "--ephemeral"});
  ASSERT_TRUE(options) << options.error().message();
  ASSERT_EQ(options->shares.size(), 2u);
  EXPECT_EQ(options->shares[0].source, "/a:b");
  EXPECT_EQ(options->shares[0].access, MountAccess::kReadWrite);
  EXPECT_EQ(options->shares[1].target, "/d");
  EXPECT_TRUE(options->ephemeral);
  for (const char* bad : {"", "rw:/a", "rx:/a:/b", "rw:a:/b", "rw:/:/b", "rw:/a:/b/../c",
                          "rw:/a//b:/c", "rw:/a:/b:/c", "rw:/a%00b:/c", "rw:/a/:/b"}) {
    EXPECT_FALSE(ParseOptions({"--share", bad})) << bad;
  }
}

}  // namespace
}  // namespace cove::runner
