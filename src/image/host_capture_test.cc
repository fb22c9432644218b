// Goal: the host image holds what it should and nothing that is the host's own business.
// Method: captures of a small fake host in a temporary directory.
#include "image/host_capture.h"

#include <sys/statvfs.h>

#include "base/testing.h"
#include "image/guest_files.h"
#include "image/store.h"

namespace cove::image {
namespace {

struct FakeHost {
  FakeHost() {
    root.File("usr/bin/tool", "tool", 0755);
    root.File("usr/bin/setuid", "s", 04755);
    root.File("usr/bin/sudo", "s", 04111);
    root.File("usr/lib/secret.key", "key", 0600);
    root.File("usr/local/bin/backup.sh", "password", 0700);
    root.File("usr/local/bin/of-a-group", "password", 0750);
    root.File("usr/local/bin/run-only", "password", 0711);
    root.File("usr/local/bin/set-uid", "password", 04711);
    root.Dir("usr/lib/private");
    EXPECT_EQ(chmod((root / "usr/lib/private").c_str(), 0700), 0);
    std::filesystem::create_symlink("usr/bin", root / "bin");
    std::filesystem::create_symlink("../bin/tool", root / "usr/lib/link");
    root.File(
        "etc/passwd",
        "root:x:0:0:The Boss:/root:/bin/zsh\nman:x:6:12:man:/var/cache/man:/usr/sbin/nologin\n"
        "alice:x:1000:1000:Alice:/home/alice:/bin/bash\n");
    root.File("etc/group", "root:x:0:\nsudo:x:27:alice\nalice:x:1000:\n");
    root.File("etc/shadow", "root:hash:1::::::\n", 0640);
    root.File("etc/nsswitch.conf", "hosts: files dns\n");
    root.File("etc/npmrc", "cafile=/a\n//registry/:_authToken=abc\n");
    root.File("etc/apt/auth.conf", "machine x login y password z\n");
    root.File("etc/apt/sources.list",
              "deb http://u:p@mirror/debian x main\ndeb http://m/debian x y\n");
    root.File("etc/ssl/private/host.key", "key");
    root.File("etc/skel/.bashrc", "# hi\n");
    root.File("home/alice/secret", "s");
    root.File("var/lib/dpkg/status", "Package: tool\n");
  }
  Result<ImageInfo> Capture() { return CaptureHost({root.path()}, images.fd(), 0, {}); }
  TempDir root;
  TempDir images;
};

TEST(HostCaptureTest, TrustsWhatItIsToldToBesidesTheHosts) {
  FakeHost host;
  host.root.File("etc/ssl/certs/ca-certificates.crt", "host's own\n");
  const auto plain = host.Capture();
  const auto info = CaptureHost({host.root.path(), "ours\n"}, host.images.fd(), 0, {});
  ASSERT_TRUE(plain && info) << (info ? "" : info.error().message());
  EXPECT_NE(plain->id, info->id);
  const std::string at = info->id.value + "/root/";
  EXPECT_EQ(host.images.Read(at + "etc/ssl/certs/ca-certificates.crt"), "host's own\nours\n");
  EXPECT_EQ(host.images.Read(at + "usr/local/share/ca-certificates/cove-sandboxes.crt"), "ours\n");
  const std::string link = host.images / (at + "etc/ssl/certs/cove-sandboxes.pem");
  EXPECT_EQ(std::filesystem::read_symlink(link),
            "/usr/local/share/ca-certificates/cove-sandboxes.crt");
  EXPECT_EQ(CaptureHost({host.root.path(), "ours\n"}, host.images.fd(), 0, {})->id, info->id);
}

TEST(HostCaptureTest, EveryJavaOfTheHostReadsTheStoreThatIsMadeForSandboxes) {
  FakeHost host;
  host.root.File("etc/ssl/certs/java/cacerts", "the host's");
  host.root.File("usr/lib/jvm/jdk-25/lib/security/cacerts", "its own");
  host.root.File("usr/lib/jvm/jdk-8/jre/lib/security/cacerts", "its own");
  host.root.Dir("usr/lib/jvm/debian/lib/security");
  std::filesystem::create_symlink("/etc/ssl/certs/java/cacerts",
                                  host.root / "usr/lib/jvm/debian/lib/security/cacerts");
  const auto info = CaptureHost({host.root.path(), "ours\n"}, host.images.fd(), 0, {});
  ASSERT_TRUE(info) << info.error().message();
  const std::string at = info->id.value + "/root/";
  EXPECT_EQ(host.images.Read(at + "etc/ssl/certs/java/cacerts").substr(0, 4), "\xfe\xed\xfe\xed");
  for (const char* java : {"jdk-25/lib", "jdk-8/jre/lib", "debian/lib"}) {
    const std::string link = at + "usr/lib/jvm/" + java + "/security/cacerts";
    EXPECT_EQ(std::filesystem::read_symlink(host.images / link), "/etc/ssl/certs/java/cacerts");
  }
  EXPECT_EQ(host.root.Read("usr/lib/jvm/jdk-25/lib/security/cacerts"), "its own");
}

TEST(HostCaptureTest, TakesUsrByHardLinkWithModesAndLinks) {
  FakeHost host;
  const auto info = host.Capture();
  ASSERT_TRUE(info) << info.error().message();
  const std::string at = info->id.value + "/root/";
  EXPECT_EQ(host.images.Stat(at + "usr/bin/tool").st_ino, host.root.Stat("usr/bin/tool").st_ino);
  EXPECT_EQ(host.images.Stat(at + "usr/bin/setuid").st_mode & 07777, 04755u);
  EXPECT_EQ(std::filesystem::read_symlink(host.images / (at + "bin")), "usr/bin");
  EXPECT_EQ(std::filesystem::read_symlink(host.images / (at + "usr/lib/link")), "../bin/tool");
  EXPECT_EQ(host.images.Read(at + "var/lib/dpkg/status"), "Package: tool\n");
  EXPECT_EQ(info->layers, std::vector<ImageId>{info->id});
}

TEST(HostCaptureTest, LeavesOutWhatOrdinaryUsersOfTheHostMayNotRead) {
  FakeHost host;
  const auto info = host.Capture();
  ASSERT_TRUE(info) << info.error().message();
  const std::string at = info->id.value + "/root/";
  for (const char* name :
       {"usr/lib/secret.key", "usr/lib/private", "usr/local/bin/backup.sh",
        "usr/local/bin/of-a-group", "usr/local/bin/run-only", "usr/local/bin/set-uid", "etc/shadow",
        "etc/apt/auth.conf", "etc/ssl/private", "home/alice"}) {
    EXPECT_FALSE(host.images.Has(at + name)) << name;
  }
  EXPECT_TRUE(host.images.Has(at + "usr/bin/sudo")) << "what is in it everybody knows";
  EXPECT_EQ(host.images.Read(at + "etc/npmrc"), "cafile=/a\n");
  EXPECT_EQ(host.images.Read(at + "etc/apt/sources.list"), "deb http://m/debian x y\n");
}

TEST(HostCaptureTest, MakesAMachineOfItsOwn) {
  FakeHost host;
  const auto info = host.Capture();
  ASSERT_TRUE(info) << info.error().message();
  const std::string at = info->id.value + "/root/";
  EXPECT_EQ(host.images.Read(at + "etc/resolv.conf"), "nameserver 10.0.0.2\n");
  EXPECT_EQ(host.images.Read(at + "home/daytona/.bashrc"), "# hi\n");
  EXPECT_EQ(host.images.Stat(at + "home/daytona").st_uid, 1000u);
  EXPECT_EQ(host.images.Stat(at + "home/daytona/.bashrc").st_uid, 1000u);
  EXPECT_EQ(host.images.Stat(at + "tmp").st_mode & 07777, 01777u);
  EXPECT_EQ(host.images.Stat(at + "usr/local/bin/cove-serve").st_mode & 07777, 0755u);
  EXPECT_EQ(host.images.Stat(at + "root").st_mode & 07777, 0700u);
}

TEST(HostCaptureTest, GivesTheSameIdUntilTheHostChanges) {
  FakeHost host;
  const auto first = host.Capture();
  const auto second = host.Capture();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->id, second->id);
  host.root.File("usr/bin/new", "x");
  const auto third = host.Capture();
  ASSERT_TRUE(third);
  EXPECT_NE(first->id, third->id);
  EXPECT_TRUE(ReadImage(host.images.fd(), first->id));
  const auto all = ListImages(host.images.fd());
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 2u);
}

TEST(HostCaptureTest, LeavesTheReserveOfTheDiskAlone) {
  FakeHost host;
  host.root.File("usr/bin/big", std::string(40 << 20, 'x'));
  const TempDir memory("/dev/shm");  // another file system than the host's: nothing becomes a link
  struct statvfs st{};
  ASSERT_EQ(fstatvfs(memory.fd(), &st), 0);
  const uint64_t free = uint64_t{st.f_bavail} * st.f_frsize;
  for (const uint64_t keep_free : {free + (64 << 20), free - (8 << 20)}) {
    const auto info = CaptureHost({host.root.path()}, memory.fd(), keep_free, {});
    ASSERT_FALSE(info) << "of " << free << " bytes " << keep_free << " were to stay free";
    EXPECT_EQ(info.error().code(), Code::kExhausted);
    EXPECT_NE(info.error().message().find("kept in reserve"), std::string::npos)
        << info.error().message();
    EXPECT_TRUE(std::filesystem::is_empty(memory.path()));
  }
  ASSERT_TRUE(CaptureHost({host.root.path()}, memory.fd(), 0, {}));
  const auto known = CaptureHost({host.root.path()}, memory.fd(), free + (64 << 20), {});
  EXPECT_TRUE(known) << "what is there takes no room";
}

TEST(GuestFilesTest, PasswdKeepsSystemUsersOnlyAndNoPasswords) {
  const std::string passwd = GuestPasswd(
      "root:x:0:0:Boss:/root:/bin/zsh\ntoor:hash:0:0::/:/bin/sh\nman:hash:6:12:m:/m:/usr/sbin/"
      "nologin\n"
      "alice:x:1000:1000::/home/alice:/bin/bash\nbroken\n");
  EXPECT_NE(passwd.find("root:*:0:0::/root:/bin/bash\n"), std::string::npos);
  EXPECT_NE(passwd.find("man:*:6:12::/m:/usr/sbin/nologin\n"), std::string::npos);
  EXPECT_NE(passwd.find("daytona:*:1000:1000::/home/daytona:/bin/bash\n"), std::string::npos);
  EXPECT_EQ(passwd.find("alice"), std::string::npos);
  EXPECT_EQ(passwd.find("hash"), std::string::npos);
  EXPECT_EQ(passwd.find("toor"), std::string::npos);
}

}  // namespace
}  // namespace cove::image
