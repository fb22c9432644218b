// Goal: a shared directory of the host is a live one, belongs to its owner on both sides, and gives
// the box nothing more. Method: real boxes with shares, looked at from inside and from outside.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "sandbox/box_fixture.h"

namespace cove::sandbox {
namespace {

constexpr uid_t kOwner = 4321;

class SharesTest : public BoxTest {
 protected:
  void SetUp() override {
    BoxTest::SetUp();
    std::filesystem::create_directories(dir_ + "/project/sub");
    Write("project/file", "mine\n");
    Write("project/strange", "root's\n");
    for (const char* name : {"project", "project/sub", "project/file"}) {
      ASSERT_EQ(lchown((dir_ + "/" + name).c_str(), kOwner, kOwner), 0);
    }
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name) << text;
  }
  struct stat Stat(const std::string& name) const {
    struct stat st{};
    EXPECT_EQ(lstat((dir_ + "/" + name).c_str(), &st), 0) << name;
    return st;
  }
  BoxShare Share(const std::string& name, const std::string& target, sys::MountAccess access) {
    UniqueFd fd(open((dir_ + "/" + name).c_str(), O_PATH | O_CLOEXEC));
    EXPECT_TRUE(fd);
    struct stat st{};
    EXPECT_EQ(fstat(fd.get(), &st), 0);
    BoxShare share;
    share.source = fd.get();
    share.name = name;
    share.target = target;
    share.access = access;
    share.directory = S_ISDIR(st.st_mode);
    share.owner = kOwner;
    share.group = kOwner;
    sources_.push_back(std::move(fd));
    return share;
  }
  void StartWith(std::vector<BoxShare> shares) {
    BoxSpec spec = Spec();
    spec.shares = std::move(shares);
    StartBox(std::move(spec));
  }

  std::vector<UniqueFd> sources_;
};

TEST_F(SharesTest, WhatUser1000WritesIsTheOwnersOnTheHostAtOnce) {
  StartWith({Share("project", "/app/project", sys::MountAccess::kReadWrite)});
  EXPECT_EQ(Output(1000, "cd /app/project && stat -c %u:%g . file strange && cat file"),
            "1000:1000\n1000:1000\n65534:65534\nmine\n");
  Output(1000, "cd /app/project && echo new >new && mkdir sub/d && echo more >>file");
  EXPECT_EQ(Stat("project/new").st_uid, kOwner);
  EXPECT_EQ(Stat("project/sub/d").st_gid, kOwner);
  Write("project/file", "changed outside\n");
  EXPECT_EQ(Output(1000, "cat /app/project/file"), "changed outside\n");
}

TEST_F(SharesTest, OthersFilesAndOtherUsersAreRefused) {
  StartWith({Share("project", "/app/project", sys::MountAccess::kReadWrite)});
  EXPECT_NE(Run(1000, "echo x >>/app/project/strange").status, 0);
  EXPECT_NE(Run(0, "touch /app/project/by-root").status, 0);
  EXPECT_NE(Run(0, "chown 7 /app/project/file").status, 0);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/project/by-root"));
}

TEST_F(SharesTest, NothingWrittenThereCarriesPowerOnTheHost) {
  StartWith({Share("project", "/app/project", sys::MountAccess::kReadWrite)});
  Output(1000, "cp /bin/true /app/project/tool");
  EXPECT_NE(Run(1000, "chmod 4755 /app/project/tool").status, 0);
  EXPECT_NE(Run(1000, "chmod g+s /app/project/tool").status, 0);
  // open(2) with O_CREAT; openat2(2), which would hide the mode from the filter; setxattr(2).
  const std::string perl =
      "perl -e 'my ($f, $n, $v) = (\"/app/project/tool\", \"user.a\", \"b\"); ";
  EXPECT_EQ(Output(1000, perl + "syscall(2, $f, 0101, 04755); print $!+0'"), "1");
  EXPECT_EQ(Output(1000, perl + "syscall(437, -100, $f, $v, 24); print $!+0'"), "38");
  EXPECT_EQ(Output(1000, perl + "syscall(188, $f, $n, $v, 1, 0); print $!+0'"), "95");
  // The same by fchmodat2(2) and setxattrat(2), which are younger than libseccomp may be.
  EXPECT_EQ(Output(1000, perl + "syscall(452, -100, $f, 04755, 0); print $!+0'"), "1");
  EXPECT_EQ(Output(1000, perl + "my $a = pack(\"pLL\", $v, 1, 0); "
                                "syscall(463, -100, $f, 0, $n, $a, 16); print $!+0'"),
            "95");
  EXPECT_LT(getxattr((dir_ + "/project/tool").c_str(), "user.a", nullptr, 0), 0);
  EXPECT_EQ(Stat("project/tool").st_mode & (S_ISUID | S_ISGID), 0u);
}

TEST_F(SharesTest, AReadOnlyShareAndAFileInsideAnother) {
  StartWith({Share("project", "/app/project", sys::MountAccess::kReadWrite),
             Share("project/sub", "/app/project/sub", sys::MountAccess::kReadOnly),
             Share("project/file", "/app/one/file", sys::MountAccess::kReadOnly)});
  EXPECT_NE(Run(1000, "touch /app/project/sub/x").status, 0);
  EXPECT_NE(Run(1000, "echo x >/app/one/file").status, 0);
  EXPECT_NE(Run(0, "mount -o remount,rw /app/project/sub").status, 0);
  EXPECT_EQ(Output(1000, "cat /app/one/file"), "mine\n");
}

// More than the socket to its first process holds at a time.
TEST_F(SharesTest, ThereMayBeManyWithLongNames) {
  std::vector<BoxShare> shares;
  std::string last;
  for (size_t i = 0; i < init::kSharesMax; ++i) {
    last = "/app";
    while (last.size() < 3800) last += "/" + std::to_string(i) + std::string(100, 'd');
    shares.push_back(Share("project/file", last, sys::MountAccess::kReadOnly));
  }
  StartWith(std::move(shares));
  EXPECT_EQ(Output(1000, "cat " + last), "mine\n");
}

TEST_F(SharesTest, ALinkInASharesWayIsNotFollowed) {
  std::filesystem::create_symlink("/etc", dir_ + "/project/link");
  BoxSpec spec = Spec();
  spec.shares = {Share("project", "/app/project", sys::MountAccess::kReadWrite),
                 Share("project/sub", "/app/project/link", sys::MountAccess::kReadOnly)};
  auto started = Wait(driver_->Start(std::move(spec)));
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message().find("shared directory"), std::string::npos)
      << started.error().message();
}

}  // namespace
}  // namespace cove::sandbox
