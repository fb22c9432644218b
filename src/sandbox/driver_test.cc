// Goal: a box starts, runs commands as its users, and ends without a trace.
// Method: real boxes on a small image of this machine's programs; needs root.
#include "sandbox/driver.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "async/task_group.h"
#include "sandbox/box_fixture.h"
#include "sys/oom_count.h"
#include "sys/small_file.h"

namespace cove::sandbox {
namespace {

class DriverTest : public BoxTest {};

TEST_F(DriverTest, RunsCommandsAsEachOfItsUsers) {
  StartBox();
  EXPECT_EQ(Output(0, "id -u; id -g"), "0\n0\n");
  EXPECT_EQ(Output(1000, "id -un; echo $HOME"), "daytona\n/home/daytona\n");
  EXPECT_EQ(Output(0, "cat /proc/sys/kernel/hostname"), "box-under-test\n");
}

TEST_F(DriverTest, HoldsTheWorkloadToItsLimitsAndNotTheToolbox) {
  StartBox();
  // More processes than allowed: the toolbox still answers meanwhile.
  std::thread bomb([this] {
    Run(1000,
        "perl -e 'for (1..200) { my $p = fork; last if !defined $p; sleep 1, exit if !$p }"
        " sleep 1'");
  });
  std::this_thread::sleep_for(milliseconds(300));
  const CommandResult meanwhile = Run(1000, "true");
  EXPECT_NE(meanwhile.status, -1) << meanwhile.output;
  bomb.join();
  EXPECT_EQ(Output(1000, "echo alive"), "alive\n");

  EXPECT_EQ(Run(1000, "perl -e '$x = \"a\" x (400 << 20); print length $x'").status, 137);
  EXPECT_EQ(Output(1000, "echo alive"), "alive\n");
  auto kills = driver_->OomKills(id_);
  ASSERT_TRUE(kills);
  EXPECT_GE(*kills, 1u);
  pollfd event{box_->oom_event.get(), POLLIN | POLLPRI, 0};
  EXPECT_EQ(poll(&event, 1, 0), 1);
}

TEST_F(DriverTest, ReportsHowABoxEndedAndLeavesNothingBehind) {
  StartBox();
  std::thread sleeper([this] { Run(1000, "sleep 1000 & sleep 1000"); });
  std::this_thread::sleep_for(milliseconds(100));
  const std::string proc = "/proc/" + std::to_string(box_->pid);
  EXPECT_EQ(access(proc.c_str(), F_OK), 0);
  ASSERT_TRUE(driver_->Kill(*box_));
  const BoxExit exit = Wait(driver_->WaitExit(*box_));
  sleeper.join();
  EXPECT_TRUE(exit.known);
  EXPECT_EQ(exit.status, SIGKILL);
  box_.reset();
  auto removed = Wait(driver_->RemoveCgroups(id_, Now() + seconds(5)));
  EXPECT_TRUE(removed) << removed.error().message();
  auto left = driver_->ListCgroups();
  ASSERT_TRUE(left);
  EXPECT_TRUE(left->empty());
  EXPECT_NE(access(proc.c_str(), F_OK), 0);
}

TEST_F(DriverTest, EndsABoxOfWhichNoRecordWasKept) {
  StartBox();
  ASSERT_TRUE(Wait(driver_->Pause(id_)));
  auto killed = driver_->KillUnrecorded(id_);
  EXPECT_TRUE(killed) << killed.error().message();
  EXPECT_TRUE(Wait(driver_->WaitExit(*box_)).known);
  box_.reset();
  EXPECT_TRUE(Wait(driver_->RemoveCgroups(id_, Now() + seconds(5))));
  EXPECT_TRUE(driver_->KillUnrecorded(id_)) << "nothing there";
}

TEST_F(DriverTest, KillsABoxThatIsFrozen) {
  StartBox();
  ASSERT_TRUE(Wait(driver_->Pause(id_)));
  ASSERT_TRUE(driver_->Kill(*box_));
  EXPECT_TRUE(Wait(driver_->WaitExit(*box_)).known);
  box_.reset();
}

TEST_F(DriverTest, APausedBoxStandsStillAndGivesItsFileCacheBack) {
  StartBox();
  Output(1000,
         "head -c 67108864 /dev/zero > ~/big; sync; cat ~/big > /dev/null; "
         "(while :; do echo x >> ~/alive; sleep 0.01; done) > /dev/null 2>&1 & "
         "while [ ! -s ~/alive ]; do sleep 0.01; done");
  const auto cache = [this] {
    const std::string dir = MemoryCgroupDir();
    auto text = sys::ReadFile(dir + "/memory.stat");
    EXPECT_TRUE(text) << dir;
    const auto v1 = sys::CounterIn(*text, "total_cache");
    return v1 != 0 ? v1 : sys::CounterIn(*text, "file");
  };
  ASSERT_GE(cache(), 60u << 20);
  ASSERT_TRUE(Wait(driver_->Pause(id_)));
  EXPECT_TRUE(*driver_->IsPaused(id_));
  ASSERT_TRUE(Wait(driver_->Pause(id_))) << "again";
  struct stat before{};
  struct stat after{};
  const std::string alive = BoxDir() + "/upper/home/daytona/alive";
  ASSERT_EQ(stat(alive.c_str(), &before), 0);
  auto reclaim = driver_->OpenReclaim(id_);
  ASSERT_TRUE(reclaim) << reclaim.error().message();
  const auto given = sys::GiveMemoryBack(reclaim->file.get(), reclaim->stat.get(), reclaim->text);
  ASSERT_TRUE(given) << given.error().message();
  EXPECT_LT(cache(), 8u << 20);
  ASSERT_EQ(stat(alive.c_str(), &after), 0);
  EXPECT_EQ(before.st_size, after.st_size) << "something ran";
  ASSERT_TRUE(driver_->Resume(id_));
  EXPECT_FALSE(*driver_->IsPaused(id_));
  EXPECT_EQ(Output(1000,
                   "wc -c < ~/big; n=$(wc -c < ~/alive); while [ $(wc -c < ~/alive) = $n ]; "
                   "do sleep 0.01; done"),
            "67108864\n");
}

TEST_F(DriverTest, KeepsFilesFromOneRunToTheNext) {
  StartBox();
  Output(1000, "echo kept > ~/file");
  EndBox();
  StartBox();
  EXPECT_EQ(Output(1000, "cat ~/file"), "kept\n");
}

TEST_F(DriverTest, AdoptsOnlyTheProcessItStarted) {
  StartBox();
  auto adopted = driver_->Adopt(id_, box_->pid, box_->start_time);
  ASSERT_TRUE(adopted) << adopted.error().message();
  auto other = driver_->Adopt(id_, box_->pid, box_->start_time + 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), Code::kGone);
  EXPECT_EQ(driver_->Adopt(id_, 999999, 1).error().code(), Code::kGone);
}

TEST_F(DriverTest, NamesTheStepThatFailed) {
  BoxSpec spec = Spec();
  // An image that has a link where /dev belongs, to make us mount elsewhere.
  const std::string evil = dir_ + "/evil";
  ASSERT_EQ(mkdir(evil.c_str(), 0755), 0);
  ASSERT_EQ(symlink("/etc", (evil + "/dev").c_str()), 0);
  spec.layers.push_back(evil);
  auto refused = Wait(driver_->Start(std::move(spec)));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("(dev)"), std::string::npos)
      << refused.error().message();
  EXPECT_NE(access((dir_ + "/box.sock").c_str(), F_OK), 0) << "the socket is left behind";
}

TEST_F(DriverTest, SaysThatALayerIsMissing) {
  BoxSpec spec = Spec();
  spec.layers.push_back(dir_ + "/nowhere");
  auto refused = Wait(driver_->Start(std::move(spec)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kNotFound);
}

TEST_F(DriverTest, MountsManyLayers) {
  BoxSpec spec = Spec();
  for (int i = 0; i < 120; ++i) {
    const std::string layer = dir_ + "/layer" + std::to_string(i);
    ASSERT_EQ(mkdir(layer.c_str(), 0755), 0);
    ASSERT_EQ(mkdir((layer + "/made-by-" + std::to_string(i)).c_str(), 0755), 0);
    spec.layers.push_back(layer);
  }
  StartBox(std::move(spec));
  EXPECT_EQ(Output(0, "ls -d /made-by-* | wc -l"), "120\n");
}

TEST_F(DriverTest, KillsTheChildOfACancelledStart) {
  {
    async::TaskGroup group;
    group.Spawn([](NamespaceDriver* driver, BoxSpec spec) -> Task<void> {
      (void)co_await driver->Start(std::move(spec));
    }(driver_.get(), Spec()));
    Wait([]() -> Task<void> { co_await async::Yield(); }());
  }
  auto removed = Wait(driver_->RemoveCgroups(id_, Now() + seconds(5)));
  EXPECT_TRUE(removed) << removed.error().message();
}

}  // namespace
}  // namespace cove::sandbox
