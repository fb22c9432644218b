// Goal: a box starts with a whole copy of what the server of images knew, and nobody takes a run
// for left behind that is only being made. Method: a base directory with files written as that
// server would, and two who want the same lock.
#include "box/run_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>

#include "base/testing.h"
#include "box/lock.h"

namespace cove::box {
namespace {

class RunDirTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_ROOT();
    auto base = OpenBase(dir_ / "base");
    ASSERT_TRUE(base) << base.error().message();
    base_.emplace(*std::move(base));
  }
  TempDir dir_;
  std::optional<BaseDir> base_;
};

TEST_F(RunDirTest, ABoxTakesTheSeedAndNothingThatIsWrittenTo) {
  dir_.File("base/images/front/cove.db", "whole");
  dir_.File("base/images/front/ca.pem", "authority");
  dir_.File("base/images/front/admin.key", "secret");
  ASSERT_TRUE(KeepSeed(base_->path));
  dir_.File("base/images/front/cove.db", "ha");
  dir_.File("base/images/front/cove.db-wal", "lf");
  auto run = RunDir::Make(*base_);
  ASSERT_TRUE(run) << run.error().message();
  const std::string front = run->data().substr(dir_.path().size() + 1) + "/front/";
  EXPECT_EQ(dir_.Read(front + "cove.db"), "whole");
  EXPECT_EQ(dir_.Read(front + "ca.pem"), "authority");
  EXPECT_EQ(dir_.Stat(front + "cove.db").st_uid, 61800U);
  EXPECT_FALSE(dir_.Has(front + "cove.db-wal"));
  EXPECT_FALSE(dir_.Has(front + "admin.key"));
  EXPECT_FALSE(KeepSeed(base_->path)) << "half of a database is no seed";
  EXPECT_EQ(dir_.Read("base/seed/cove.db"), "whole");
  run->Remove();
}

TEST_F(RunDirTest, TheFrontPassesThroughWhateverTheUmaskIs) {
  const mode_t before = umask(0077);
  const auto base = OpenBase(dir_ / "strict");
  const auto run = RunDir::Make(base ? *base : *base_);
  umask(before);
  ASSERT_TRUE(base && run);
  const std::string path = run->data().substr(dir_.path().size() + 1);
  for (const std::string& dir : {std::string("strict"), std::string("strict/run"), path}) {
    EXPECT_EQ(dir_.Stat(dir).st_mode & 0777, 0711U) << dir;
  }
  EXPECT_EQ(dir_.Stat("strict/seed").st_mode & 0777, 0700U);
}

// Whether a thread of this process waits for a lock.
bool SomebodyWaits() {
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    if (line.find("-> FLOCK") != std::string::npos &&
        line.find(" " + std::to_string(getpid()) + " ") != std::string::npos) {
      return true;
    }
  }
  return false;
}

TEST_F(RunDirTest, OneThatIsBeingMadeIsNotLeftBehind) {
  auto making = Lock(base_->path + "/run.lock", LockKind::kAlone);
  ASSERT_TRUE(making);
  dir_.Dir("base/run/abcd");
  auto found = std::async(std::launch::async, [this] { return FindLeftOvers(*base_); });
  while (!SomebodyWaits() &&
         found.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
  const auto held = TryLock(base_->path + "/run/abcd/lock", LockKind::kAlone);
  ASSERT_TRUE(held) << "it was taken by who looks for left-over ones";
  making->Reset();
  EXPECT_TRUE(found.get().empty());
}

TEST_F(RunDirTest, OneWhoseHolderIsGoneIsLeftBehind) {
  dir_.File("base/run/dead/data/runner/boxes/one", "");
  dir_.File("base/run/empty/lock", "");
  const auto left = FindLeftOvers(*base_);
  ASSERT_EQ(left.size(), 2U);
  for (const LeftOver& each : left) {
    EXPECT_EQ(each.has_boxes, each.id == "dead");
    RemoveLeftOver(*base_, each);
  }
  EXPECT_FALSE(dir_.Has("base/run/dead"));
  EXPECT_FALSE(dir_.Has("base/run/empty"));
}

}  // namespace
}  // namespace cove::box
