// Goal: root inside a box has no power over the toolbox, the rules, the mounts or the host, and
// programs that need privilege inside (bubblewrap, setuid, chown) work all the same.
// Method: each attack is tried as root of a real box; perl makes raw system calls.
#include <sys/stat.h>

#include <fstream>

#include "proto/boot.h"
#include "sandbox/box_fixture.h"

namespace cove::sandbox {
namespace {

class IsolationTest : public BoxTest {
 protected:
  void SetUp() override {
    BoxTest::SetUp();
    if (!IsSkipped()) StartBox();
  }
  // What errno a raw call gives: 0 when it succeeds.
  std::string Errno(unsigned uid, const std::string& call) {
    return Output(uid, "perl -e '$r = syscall(" + call + "); print $r < 0 ? $!+0 : 0'");
  }
};

TEST_F(IsolationTest, ShowsNoProcessOfTheHost) {
  // PID 1, its connection process, bash and ls.
  EXPECT_LT(std::stoi(Output(0, "ls -d /proc/[0-9]* | wc -l")), 8);
  EXPECT_EQ(Output(0, "cat /proc/1/cmdline | head -c 12"), "cove-toolbox");
}

TEST_F(IsolationTest, DoesNotLetRootTouchTheToolbox) {
  EXPECT_NE(Run(0, "kill -9 1").status, 0);
  EXPECT_EQ(Errno(0, "101, 16, 1, 0, 0"), "1");  // PTRACE_ATTACH: EPERM
  for (const char* file : {"fd", "mem", "environ", "exe", "root", "cwd", "maps", "ns/user"}) {
    EXPECT_NE(Run(0, std::string("ls /proc/1/") + file + "/ && cat /proc/1/" + file).status, 0)
        << file;
  }
  EXPECT_NE(Run(0, "cat /proc/1/exe > /dev/null").status, 0);
  EXPECT_NE(Run(0, "ls /run/cove-toolbox").status, 0);
  EXPECT_EQ(Output(0, "id -u"), "0\n");
}

TEST_F(IsolationTest, KeepsTheRulesAndTheNetworkFromRoot) {
  EXPECT_NE(Run(0, "nft list ruleset").status, 0);
  EXPECT_NE(Run(0, "nft flush ruleset").status, 0);
  EXPECT_NE(Run(0, "ip link set lo down").status, 0);
  EXPECT_NE(Run(0, "ip addr add 10.9.9.9/32 dev lo").status, 0);
  EXPECT_NE(Run(0, "echo 1 > /proc/sys/net/ipv4/ip_unprivileged_port_start").status, 0);
  EXPECT_NE(Run(0, "echo 1 > /proc/sys/net/ipv4/ip_forward").status, 0);
}

TEST_F(IsolationTest, KeepsMountsHostNameAndKernelFromRoot) {
  EXPECT_NE(Run(0, "mount -t tmpfs none /home").status, 0);
  EXPECT_NE(Run(0, "mount --bind /root /home").status, 0);
  EXPECT_NE(Run(0, "umount /proc").status, 0);
  EXPECT_NE(Run(0, "umount /dev/pts").status, 0);
  EXPECT_NE(Run(0, "echo x > /proc/sys/kernel/hostname").status, 0);
  EXPECT_NE(Run(0, "echo 1 > /proc/sys/kernel/panic").status, 0);
  EXPECT_NE(Run(0, "echo b > /proc/sysrq-trigger").status, 0);
  EXPECT_NE(Run(0, "perl -e 'exit(syscall(133, \"/dev/sda\", 060600, 2048) < 0)'").status, 0);
}

TEST_F(IsolationTest, DeniesTheCallsOfTheProfile) {
  EXPECT_EQ(Errno(0, "321, 0, 0, 0"), "1") << "bpf";
  EXPECT_EQ(Errno(0, "425, 8, 0"), "1") << "io_uring_setup";
  EXPECT_EQ(Errno(0, "250, 0, -3, 0"), "1") << "keyctl";
  EXPECT_EQ(Errno(0, "298, 0, 0, -1, -1, 0"), "1") << "perf_event_open";
  EXPECT_EQ(Errno(0, "323, 1"), "1") << "userfaultfd";
  EXPECT_EQ(Errno(0, "304, 0, 0, 0"), "1") << "open_by_handle_at";
  EXPECT_EQ(Errno(0, "103, 3, 0, 0"), "1") << "syslog";
  EXPECT_EQ(Errno(0, "41, 40, 1, 0"), "97") << "AF_VSOCK";
  EXPECT_EQ(Errno(0, "41, 17, 3, 0"), "97") << "AF_PACKET";
  EXPECT_EQ(Errno(0, "41, 38, 5, 0"), "97") << "AF_ALG";
  EXPECT_EQ(Errno(0, "41, 4294967313, 3, 0"), "97") << "AF_PACKET with bits above the low 32";
  EXPECT_EQ(Errno(0, "41, 2, 3, 1"), "1") << "SOCK_RAW";
  EXPECT_EQ(Errno(0, "41, 10, 524291, 58"), "1") << "SOCK_RAW | SOCK_CLOEXEC";
  EXPECT_EQ(Errno(0, "41, 16, 3, 12"), "1") << "NETLINK_NETFILTER";
  EXPECT_EQ(Errno(0, "41, 2, 1, 262"), "93") << "multipath TCP";
  EXPECT_EQ(Errno(0, "41, 10, 524289, 262"), "93") << "multipath TCP";
  EXPECT_EQ(Errno(0, "41, 2, 1, 256"), "93") << "SMC";
  EXPECT_EQ(Errno(0, "41, 16, 3, 0"), "0") << "NETLINK_ROUTE";
  EXPECT_EQ(Errno(0, "16, 0, 0x5412, 0"), "1") << "TIOCSTI";
  EXPECT_EQ(Errno(0, "1073741863"), "38") << "getpid of the x32 ABI";
}

TEST_F(IsolationTest, LetsBubblewrapBuildItsOwnSandboxInside) {
  const std::string bwrap =
      "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp -- ";
  EXPECT_EQ(Output(1000, bwrap + "id -u"), "1000\n");
  EXPECT_EQ(Output(0, bwrap + "id -u"), "0\n");
  EXPECT_LT(std::stoi(Output(1000, bwrap + "bash -c 'ls -d /proc/[0-9]* | wc -l'")), 6);
  EXPECT_NE(Run(1000, bwrap + "touch /home/daytona/x").status, 0);
}

TEST_F(IsolationTest, HonoursSetuidFilesOfTheBox) {
  Output(0, "cp -L /usr/bin/id /usr/bin/suid-id; chmod 4755 /usr/bin/suid-id");
  EXPECT_EQ(Output(1000, "suid-id -u; id -u"), "0\n1000\n");
}

TEST_F(IsolationTest, StoresOwnersCanonically) {
  Output(0, "touch /root/a /root/b; chown 0:0 /root/a; chown 65535:65535 /root/b");
  Output(1000, "touch ~/c");
  EXPECT_NE(Run(0, "chown 65536 /root/a").status, 0);
  EXPECT_NE(Run(1000, "chown 0 ~/c").status, 0);
  const auto owner = [this](const char* path) {
    struct stat info{};
    EXPECT_EQ(lstat((BoxDir() + "/upper" + path).c_str(), &info), 0) << path;
    return info.st_uid;
  };
  EXPECT_EQ(owner("/root/a"), 0u);
  EXPECT_EQ(owner("/root/b"), 65535u);
  EXPECT_EQ(owner("/home/daytona/c"), 1000u);
}

TEST_F(IsolationTest, GivesTheUsualDevicesAndDirectories) {
  Output(1000, "echo x > /dev/null; head -c 4 /dev/urandom > /dev/null; test -c /dev/tty");
  Output(1000,
         "echo hi > /dev/shm/x; touch /tmp/y; perl -e 'open(F, \"+<\", \"/dev/ptmx\") or exit 1'");
  EXPECT_EQ(Output(0, "cat /proc/self/mountinfo | wc -l"), "13\n");
  EXPECT_EQ(Output(0, "ls -A /sys"), "");
  EXPECT_NE(Run(0, "touch /sys/x").status, 0);
  EXPECT_EQ(Output(1000, "stat -c %a /tmp"), "1777\n");
}

TEST_F(IsolationTest, HandsTheToolboxNothingMoreThanItsDescriptors) {
  // As the host sees it: the fixed ones, one for each cgroup hierarchy, and what the toolbox opens
  // itself when its loop begins (epoll, wake-up, signals).
  const std::string proc = "/proc/" + std::to_string(box_->pid);
  const auto tree = sys::CgroupTree::Open(CgroupParent());
  ASSERT_TRUE(tree) << tree.error().message();
  const auto hierarchies = static_cast<int>(tree->hierarchies());
  int count = 0;
  for (int fd = 0; fd < 200; ++fd) {
    struct stat info{};
    if (lstat((proc + "/fd/" + std::to_string(fd)).c_str(), &info) == 0) ++count;
  }
  EXPECT_LE(count, proto::boot::kCgroupFd + hierarchies + 3);
  std::string status;
  FILE* file = fopen((proc + "/status").c_str(), "r");
  char line[256];
  while (fgets(line, sizeof line, file) != nullptr) status += line;
  fclose(file);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_NE(status.find(std::string(set) + ":\t0000000000000000"), std::string::npos) << set;
  }
}

class StrictTest : public BoxTest {
 protected:
  void SetUp() override {
    BoxTest::SetUp();
    if (IsSkipped()) return;
    BoxSpec spec = Spec();
    spec.profile = proto::Profile::kStrict;
    StartBox(std::move(spec));
  }
};

// What a toolbox gets by descriptor is its business (toolbox_in_box_test); here: the file system.
TEST_F(StrictTest, HidesWhatProcTellsOfTheMachine) {
  for (const char* name : {"kcore", "keys", "timer_list", "kallsyms", "sysrq-trigger"}) {
    EXPECT_EQ(Output(0, std::string("cat /proc/") + name + " 2>/dev/null | wc -c"), "0\n") << name;
  }
  const std::string mounts = Output(0, "grep -E ' /proc/(sys|bus|fs|irq) ' /proc/self/mountinfo");
  EXPECT_EQ(mounts.find(" rw,"), std::string::npos) << mounts;
  EXPECT_NE(Run(0, "echo 1 > /proc/sys/kernel/ns_last_pid").status, 0);
  EXPECT_NE(Run(0, "umount /proc/kcore").status, 0);
}

}  // namespace
}  // namespace cove::sandbox
