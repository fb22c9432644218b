// Goal: every layout of cgroup hierarchies is understood, and a box's groups come and go.
// Method: mount tables as text for the layouts; real groups under a name of our own.
#include "sys/cgroup.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/testing.h"
#include "sys/cgroup_moves.h"
#include "sys/cgroup_spares.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

TEST(CgroupMountsTest, FindsThePureVersion2Layout) {
  const auto found = ParseCgroupMounts(
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
      "cpuset cpu io memory hugetlb pids\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].v2);
  for (const char* name : {"cpu", "memory", "pids", "freezer"}) EXPECT_TRUE(found[0].Has(name));
}

TEST(CgroupMountsTest, PrefersWhatVersion1CarriesInTheHybridLayout) {
  const auto found = ParseCgroupMounts(
      "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "34 30 0:30 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
      "35 30 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n",
      "hugetlb pids\n");
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].mount, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_TRUE(found[3].v2);
  EXPECT_EQ(found[3].controllers, std::vector<std::string>{"pids"});
}

TEST(CgroupMountsTest, FindsVersion1WithSeveralControllersInOneHierarchy) {
  auto found = ParseCgroupMounts(
      "32 30 0:28 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "33 30 0:29 / /cg/memory rw - cgroup cgroup rw,memory\n"
      "34 30 0:30 / /cg/blkio rw - cgroup cgroup rw,blkio\n"
      "35 30 0:31 / /cg/pids,freezer rw - cgroup cgroup rw,pids,freezer\n",
      "");
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[2].controllers, std::vector<std::string>{"io"});
  EXPECT_TRUE(found[3].Has("freezer"));
  DropIdleIo(found, true);
  EXPECT_EQ(found.size(), 4u);
  DropIdleIo(found, false);
  EXPECT_EQ(found.size(), 3u) << "weights nobody obeys cost nothing";
}

TEST(CgroupMountsTest, Version2CarriesTheWeightsWithTheRest) {
  auto found = ParseCgroupMounts("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                                 "cpuset cpu io memory pids\n");
  DropIdleIo(found, false);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].Has("io"));
}

TEST(CgroupMountsTest, IgnoresOtherLines) {
  EXPECT_TRUE(
      ParseCgroupMounts("nonsense\n\n1 2 3\n30 23 0:26 / / rw - ext4 /dev/vda rw\n", "").empty());
}

using Keeping = CgroupSpares::Keeping;

class CgroupTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_ROOT();
    auto tree = CgroupTree::Open("cove-sys-test-" + std::to_string(getpid()));
    ASSERT_TRUE(tree) << tree.error().message();
    tree_ = *std::move(tree);
  }
  void TearDown() override {
    if (!IsSkipped()) EXPECT_TRUE(tree_.RemoveParent());
  }
  CgroupTree tree_;
};

TEST_F(CgroupTreeTest, MakesLimitsAndRemovesABox) {
  ASSERT_TRUE(tree_.Create("a"));
  ASSERT_TRUE(tree_.Create("a")) << "leftovers are used";
  for (const uint64_t memory : {64ull << 20, 256ull << 20, 32ull << 20}) {
    auto set = tree_.SetLimits("a", CgroupPart::kWork,
                               {.cpu_millis = 250, .memory_bytes = memory, .pids = 7});
    EXPECT_TRUE(set) << set.error().message();
  }
  EXPECT_EQ(*tree_.List(), std::vector<std::string>{"a"});
  EXPECT_EQ(*tree_.OomKills("a"), 0u);
  EXPECT_TRUE(tree_.OpenOomEvent("a"));
  EXPECT_TRUE(*tree_.Remove("a"));
  EXPECT_TRUE(*tree_.Remove("a")) << "nothing there";
  EXPECT_TRUE(tree_.List()->empty());
}

// Holds so much memory in the workload's group until it is killed.
pid_t HoldMemory(const CgroupTree& tree, const std::string& box, size_t bytes) {
  auto procs = tree.OpenProcs(box, CgroupPart::kWork);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  for (const UniqueFd& fd : *procs) {
    if (write(fd.get(), "0", 1) != 1) _exit(1);
  }
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) _exit(2);
  while (true) pause();
}

TEST_F(CgroupTreeTest, RefusesAMemoryLimitBelowWhatIsHeldAndKillsNobody) {
  constexpr uint64_t kMiB = 1 << 20;
  ASSERT_TRUE(tree_.Create("c"));
  ASSERT_TRUE(tree_.SetLimits("c", CgroupPart::kWork, {.memory_bytes = 256 * kMiB}));
  const pid_t pid = HoldMemory(tree_, "c", 64 * kMiB);
  for (int i = 0; i < 2000 && *tree_.MemoryHeld("c") < 64 * kMiB; ++i) usleep(1000);
  ASSERT_GE(*tree_.MemoryHeld("c"), 64 * kMiB);
  const auto refused = tree_.SetLimits("c", CgroupPart::kWork, {.memory_bytes = 32 * kMiB});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kConflict) << refused.error().message();
  for (const uint64_t limit : {128 * kMiB, 512 * kMiB}) {
    EXPECT_TRUE(tree_.SetLimits("c", CgroupPart::kWork, {.memory_bytes = limit}));
  }
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0) << "it still lives";
  EXPECT_EQ(*tree_.OomKills("c"), 0u);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_TRUE(*tree_.Remove("c"));
}

// Fills connections to itself from inside the workload's group, as many as it may have.
pid_t FillConnections(const CgroupTree& tree, const std::string& box) {
  auto procs = tree.OpenProcs(box, CgroupPart::kWork);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  for (const UniqueFd& fd : *procs) {
    if (write(fd.get(), "0", 1) != 1) _exit(1);
  }
  rlimit files{65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* at = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, at, size) != 0 || listen(listener, 128) != 0) _exit(2);
  getsockname(listener, at, &size);
  static const char block[1 << 17] = {};
  for (;;) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) pause();
    (void)connect(fd, at, size);
    if (accept(listener, nullptr, nullptr) < 0) pause();
    (void)!write(fd, block, sizeof block);
  }
}

TEST_F(CgroupTreeTest, SeesWhatSocketsHoldBeyondTheLimitOfMemory) {
  ASSERT_TRUE(tree_.Create("s"));
  ASSERT_TRUE(tree_.SetLimits("s", CgroupPart::kWork, {.memory_bytes = 32 << 20}));
  EXPECT_EQ(*tree_.BeyondMemory("s", 0), 0u);
  const pid_t pid = FillConnections(tree_, "s");
  // Where sockets count as any other memory the kernel ends it.
  siginfo_t end{};
  for (int i = 0; i < 20000 && end.si_pid == 0 && *tree_.BeyondMemory("s", 0) == 0; ++i) {
    waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOHANG | WNOWAIT);
    usleep(1000);
  }
  EXPECT_TRUE(end.si_code == CLD_KILLED || *tree_.BeyondMemory("s", 0) > 0);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(*tree_.BeyondMemory("s", 0), 0u);
  EXPECT_EQ(*tree_.BeyondMemory("s", 1 << 20), 0u) << "it has memory for them";
  EXPECT_GE(*tree_.BeyondMemory("s", 48 << 20), uint64_t{16} << 20) << "whoever counts them";
  EXPECT_TRUE(*tree_.Remove("s"));
}

TEST_F(CgroupTreeTest, LetsTheHolderOfTheDescriptorsMoveItselfIn) {
  ASSERT_TRUE(tree_.Create("b"));
  auto procs = tree_.OpenProcs("b", CgroupPart::kWork);
  ASSERT_TRUE(procs);
  const pid_t pid = fork();
  if (pid == 0) {
    if (setresuid(12345, 12345, 12345) != 0) _exit(2);
    for (const UniqueFd& fd : *procs) {
      if (write(fd.get(), "0", 1) != 1) _exit(1);
    }
    while (true) pause();
  }
  for (int i = 0; i < 1000 && tree_.Processes("b", CgroupPart::kWork)->empty(); ++i) usleep(1000);
  EXPECT_EQ(*tree_.Processes("b", CgroupPart::kWork), std::vector<pid_t>{pid});
  EXPECT_FALSE(*tree_.Remove("b")) << "somebody is in it";
  EXPECT_TRUE(tree_.Freeze("b"));
  EXPECT_TRUE(tree_.Thaw("b"));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_TRUE(*tree_.Remove("b"));
}

TEST_F(CgroupTreeTest, ABoxTakesOverTheGroupsOfOneThatIsGone) {
  CgroupSpares spares(tree_, 1);
  EXPECT_FALSE(spares.Take("d")) << "nothing is kept yet";
  ASSERT_TRUE(tree_.Create("d"));
  ASSERT_TRUE(tree_.SetLimits("d", CgroupPart::kWork,
                              {.cpu_millis = 100, .memory_bytes = 16 << 20, .pids = 1}));
  if (spares.Keep("d") != Keeping::kKept) {
    ASSERT_FALSE(tree_.CanRename());
    EXPECT_TRUE(*tree_.Remove("d"));
    return;
  }
  EXPECT_TRUE(tree_.List()->empty());
  ASSERT_TRUE(spares.Take("e"));
  EXPECT_EQ(*tree_.List(), std::vector<std::string>{"e"});
  // The old limit would kill it.
  const pid_t pid = HoldMemory(tree_, "e", 64 << 20);
  for (int i = 0; i < 2000 && *tree_.MemoryHeld("e") < 64 << 20; ++i) usleep(1000);
  EXPECT_GE(*tree_.MemoryHeld("e"), 64u << 20);
  EXPECT_TRUE(tree_.IsOccupied("e"));
  EXPECT_EQ(spares.Keep("e"), Keeping::kOccupied);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  ASSERT_EQ(spares.Keep("e"), Keeping::kKept);
  ASSERT_TRUE(tree_.Create("f"));
  EXPECT_EQ(spares.Keep("f"), Keeping::kNot) << "there are enough";
  EXPECT_TRUE(*tree_.Remove("f"));
}

TEST_F(CgroupTreeTest, GroupsThatTellOfTheirBoxAreNotKept) {
  CgroupSpares spares(tree_, 4);
  EXPECT_EQ(spares.Keep("nobody"), Keeping::kNot);
  ASSERT_TRUE(tree_.Create("g"));
  ASSERT_TRUE(tree_.SetLimits("g", CgroupPart::kWork, {.memory_bytes = 8 << 20}));
  const pid_t pid = HoldMemory(tree_, "g", 64 << 20);
  waitpid(pid, nullptr, 0);
  ASSERT_GE(*tree_.OomKills("g"), 1u);
  EXPECT_EQ(spares.Keep("g"), Keeping::kNot);
  EXPECT_TRUE(*tree_.Remove("g"));

  ASSERT_TRUE(tree_.Create("h"));
  ASSERT_TRUE(tree_.Freeze("h"));
  EXPECT_EQ(spares.Keep("h"), Keeping::kNot);
  ASSERT_TRUE(tree_.Thaw("h"));
  EXPECT_TRUE(*tree_.Remove("h"));
}

TEST_F(CgroupTreeTest, WhatAKilledServerKeptIsRemoved) {
  ASSERT_TRUE(tree_.Create(".7"));
  EXPECT_TRUE(tree_.List()->empty());
  CgroupSpares spares(tree_, 4);
  EXPECT_TRUE(tree_.List(CgroupTree::Names::kDotted)->empty());
}

TEST_F(CgroupTreeTest, QuickMovesHangOnOneDescriptorAndNoMountPoint) {
  const std::string mounts = *ReadFile("/proc/self/mountinfo");
  auto quick = FavorCgroupMoves();
  ASSERT_TRUE(quick) << quick.error().message();
  EXPECT_NE(ReadFile("/proc/self/cgroup")->find(":name=cove:/\n"), std::string::npos);
  EXPECT_EQ(*ReadFile("/proc/self/mountinfo"), mounts);
  EXPECT_TRUE(FavorCgroupMoves()) << "a second server on the machine";
  for (int i = 0; i < 5; ++i) {
    quick = FavorCgroupMoves();
    quick->Reset();
    quick = FavorCgroupMoves();
    EXPECT_TRUE(quick) << "while the last one is ending: " << quick.error().message();
  }
}

}  // namespace
}  // namespace cove::sys
