// Goal: identities come out as passwd(5) and group(5) say, whatever the sandbox wrote there.
// Method: files of the test.
#include "toolbox/accounts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/testing.h"
#include "base/unique_fd.h"

namespace cove::toolbox {
namespace {

class AccountsTest : public testing::Test {
 protected:
  void Put(const std::string& name, const std::string& text) { std::ofstream(etc_ / name) << text; }
  TempDir etc_;
};

TEST_F(AccountsTest, FindsByNameAndNumberWithGroups) {
  Put("passwd", "root:x:0:0::/root:/bin/sh\nbad line\ndaytona:x:1000:1001:,,,:/home/d:/bin/bash\n");
  Put("group", "sudo:x:27:bob,daytona\ndaytona:x:1001:\nother:x:5:bob\n");
  const auto a = FindAccount("", etc_.path());
  ASSERT_TRUE(a);
  EXPECT_EQ(a->uid, 1000u);
  EXPECT_EQ(a->home, "/home/d");
  EXPECT_EQ(a->groups, (std::vector<gid_t>{1001, 27}));
  EXPECT_EQ(FindAccount("1000", etc_.path())->name, "daytona");
  EXPECT_EQ(FindAccount("nobody", etc_.path()).error().code(), Code::kInvalid);
  EXPECT_EQ(*FindGroup("sudo", etc_.path()), 27u);
  EXPECT_EQ(*FindGroup("99", etc_.path()), 99u);
}

// setresuid(-1, -1, -1) succeeds and changes nothing: a command would run as the toolbox.
TEST_F(AccountsTest, TakesNoIdThatIsNotOfTheSandbox) {
  Put("passwd",
      "keep:x:4294967295:0::/:/bin/sh\nkeepgroup:x:5:4294967295::/:/bin/sh\n"
      "toolbox:x:65536:0::/:/bin/sh\nlast:x:65535:65535::/:/bin/sh\n");
  Put("group", "a:x:4294967295:last\nb:x:65536:last\nc:x:65534:last\n");
  for (const char* name : {"keep", "4294967295", "keepgroup", "toolbox", "65536"}) {
    const auto account = FindAccount(name, etc_.path());
    ASSERT_FALSE(account) << name;
    EXPECT_EQ(account.error().code(), Code::kInvalid) << name;
  }
  const auto last = FindAccount("last", etc_.path());
  ASSERT_TRUE(last);
  EXPECT_EQ(last->uid, 65535u);
  EXPECT_EQ(last->groups, (std::vector<gid_t>{65535, 65534}));
  for (const char* name : {"a", "b", "4294967295", "65536"}) {
    EXPECT_FALSE(FindGroup(name, etc_.path())) << name;
  }
}

TEST_F(AccountsTest, FallsBackToRootWithoutFiles) {
  const auto a = FindAccount("", etc_.path());
  ASSERT_TRUE(a);
  EXPECT_EQ(a->uid, 0u);
}

// PID 1 reads them: its own descriptors are not for whoever writes them.
TEST_F(AccountsTest, FollowsALinkButNoneOfProc) {
  Put("real", "ann:x:7:7::/:/bin/sh\n");
  ASSERT_EQ(symlink("real", (etc_ / "passwd").c_str()), 0);
  EXPECT_EQ(FindAccount("ann", etc_.path())->uid, 7u);
  const UniqueFd held(open((etc_ / "real").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(unlink((etc_ / "passwd").c_str()), 0);
  const std::string magic = "/proc/self/fd/" + std::to_string(held.get());
  ASSERT_EQ(symlink(magic.c_str(), (etc_ / "passwd").c_str()), 0);
  EXPECT_FALSE(FindAccount("ann", etc_.path()));
}

TEST_F(AccountsTest, DoesNotHangOnAFifo) {
  ASSERT_EQ(mkfifo((etc_ / "passwd").c_str(), 0666), 0);
  EXPECT_EQ(FindAccount("root", etc_.path())->uid, 0u);
}

}  // namespace
}  // namespace cove::toolbox
