// Goal: a create that fits gets a box made ahead, once, with everything a cold one has; the pool
// gives way, follows its settings and leaves nothing. Method: a fake runner that counts its work.
#include <gmock/gmock.h>

#include "control/control_fixture_test.h"

namespace cove::control {
namespace {

using ::testing::Contains;
using ::testing::Not;

class PoolTest : public ControlTest {
 protected:
  // Opens control anew with that many boxes of the host image kept ready, and waits for them.
  void OpenWithPool(size_t size) {
    control_.reset();
    settings_.pool_size = size;
    settings_.check_period = seconds(3600);
    Open();
    ASSERT_TRUE(loop_.RunUntil(control_->Recover()).ok());
    control_->Run();
    WaitForBoxes(size);
  }
  static Task<bool> WaitUntil(std::function<bool()> condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) co_await async::Sleep(milliseconds(2));
    co_return condition();
  }
  void WaitForBoxes(size_t count) {
    EXPECT_TRUE(loop_.RunUntil(WaitUntil([&] { return world_.boxes.size() == count; })))
        << world_.boxes.size();
    Settle();
  }
  size_t Steps(std::string_view name) const {
    return static_cast<size_t>(std::count(world_.log.begin(), world_.log.end(), name));
  }
};

TEST_F(PoolTest, AClaimTakesAReadyBoxWithItsOwnNameAndEnvironment) {
  OpenWithPool(2);
  const size_t made = Steps("CreateBox");
  CreateRequest request = Request("web");
  request.env = {{"COLOUR", "blue"}};
  const auto got = Create(request);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(Steps("CreateBox"), made) << "nothing is made while the caller waits";
  EXPECT_EQ(got->state, State::kStarted);
  EXPECT_EQ(got->name, "web");
  EXPECT_TRUE(world_.attached.contains(got->id));
  const EnvMap& env = world_.env[*control_->ToolboxFor(got->id)];
  EXPECT_EQ(env.at("COLOUR"), "blue");
  EXPECT_EQ(env.at("COVE_SANDBOX_ID"), got->id.value);
  WaitForBoxes(3);
  EXPECT_EQ(Create(Request())->name.size(), 36u) << "without a name it has its id";
  WaitForBoxes(4);
}

TEST_F(PoolTest, WhatDoesNotFitOrComesTooEarlyIsMadeOnDemand) {
  OpenWithPool(1);
  CreateRequest bigger = Request();
  bigger.memory_gib = 2;
  const auto made = Create(bigger);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(world_.last_limits.memory_bytes, 2ull << 30);
  const Sandbox first = MustCreate();
  const Sandbox second = MustCreate();
  EXPECT_NE(first.id, second.id);
  EXPECT_EQ(StateOf(second.id), State::kStarted);
}

TEST_F(PoolTest, ManyCreatesAtOnceNeverGetTheSameBox) {
  OpenWithPool(3);
  std::set<std::string> ids;
  for (int i = 0; i < 10; ++i) ids.insert(MustCreate().id.value);
  EXPECT_EQ(ids.size(), 10u);
  WaitForBoxes(13);
}

TEST_F(PoolTest, AFrontThatDiesLeavesPooledBoxesToBeRemoved) {
  OpenWithPool(2);
  const Sandbox mine = MustCreate();
  settings_.pool_size = 0;
  const RecoverReport report = Restart();
  EXPECT_GE(report.removed, 1u);
  WaitForBoxes(1);
  EXPECT_EQ(StateOf(mine.id), State::kStarted);
}

TEST_F(PoolTest, AClaimThatIsCutOffIsFinished) {
  for (const Halt halt : {Halt::kBefore, Halt::kAfter}) {
    OpenWithPool(1);
    world_.halting["Configure"] = halt;
    CreateRequest request = Request(halt == Halt::kBefore ? "before" : "after");
    request.env = {{"COLOUR", "blue"}};
    StartAndLeave(control_->Create(request));
    settings_.pool_size = 0;
    Restart();
    const auto found = control_->Get(identity::kDefaultOrg, request.name);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->state, State::kStarted);
    EXPECT_EQ(world_.env[*control_->ToolboxFor(found->id)].at("COLOUR"), "blue");
    ASSERT_TRUE(loop_.RunUntil(control_->Delete(found->id)).ok());
    WaitForBoxes(0);
  }
}

TEST_F(PoolTest, ABoxThatDoesNotAnswerAtItsClaimIsMadeAnew) {
  OpenWithPool(1);
  const size_t made = Steps("CreateBox");
  // The next two answers of toolboxes: the claim's fails, so does the new box's, and it is undone.
  world_.failing.emplace("Configure", Error(Code::kUnavailable, "no answer"));
  EXPECT_FALSE(Create(Request("web")).ok());
  EXPECT_EQ(Steps("CreateBox"), made + 1);
  world_.failing.clear();
  EXPECT_TRUE(Create(Request("web")).ok());
}

TEST_F(PoolTest, ABoxThatEndsInThePoolIsReplaced) {
  OpenWithPool(1);
  const SandboxId old = world_.boxes.begin()->first;
  proto::runner::BoxExited event;
  event.id = old;
  control_->OnBoxExited(event);
  EXPECT_TRUE(loop_.RunUntil(
      WaitUntil([&] { return world_.boxes.size() == 1 && world_.boxes.begin()->first != old; })));
}

TEST_F(PoolTest, ItGivesWayToRealRequests) {
  settings_.memory_overcommit = 1;  // 16 GiB
  OpenWithPool(3);
  CreateRequest big = Request();
  big.memory_gib = 14;
  ASSERT_TRUE(Create(big).ok());
  WaitForBoxes(3);  // the big one and what still fits
}

TEST_F(PoolTest, ItStopsGrowingBeforeTheMachineIsFull) {
  settings_.memory_overcommit = 0.25;  // 4 GiB
  OpenWithPool(0);
  MustCreate();
  settings_.pool_size = 5;
  Restart();
  control_->Run();
  WaitForBoxes(4);
}

TEST_F(PoolTest, ANewImageReplacesTheReadyBoxesAndTheOldImageGoes) {
  OpenWithPool(1);
  const SandboxId old = world_.boxes.begin()->first;
  const ImageId old_image = world_.host_image;
  world_.host_image = ImageId("host-image-2");
  ASSERT_TRUE(loop_.RunUntil(control_->EnsureHostImage()).ok());
  EXPECT_TRUE(loop_.RunUntil(WaitUntil([&] {
    return world_.boxes.size() == 1 && !world_.boxes.contains(old) &&
           !world_.images.contains(old_image);
  })));
}

TEST_F(PoolTest, PoolsOfTheApiAreKeptAcrossARestart) {
  OpenWithPool(0);
  const Sandbox base = MustCreate();
  ASSERT_TRUE(loop_.RunUntil(control_->TakeSnapshot(base.id, "mine")).ok());
  const auto pool =
      loop_.RunUntil(control_->CreateWarmPool(identity::kDefaultOrg, "mine", 2, "local"));
  ASSERT_TRUE(pool.ok()) << pool.error().message();
  WaitForBoxes(3);
  EXPECT_EQ(control_->ListWarmPools(identity::kDefaultOrg).at(0).ready, 2u);
  EXPECT_TRUE(control_->ListWarmPools(OrgId("other")).empty());
  Restart();
  control_->Run();
  WaitForBoxes(3);
  auto smaller = loop_.RunUntil(control_->ResizeWarmPool(identity::kDefaultOrg, pool->id, 1));
  ASSERT_TRUE(smaller.ok());
  WaitForBoxes(2);
  ASSERT_TRUE(loop_.RunUntil(control_->DeleteWarmPool(identity::kDefaultOrg, pool->id)).ok());
  WaitForBoxes(1);
  EXPECT_EQ(loop_.RunUntil(control_->DeleteWarmPool(OrgId("other"), pool->id)).error().code(),
            Code::kNotFound);
}

TEST_F(PoolTest, AnOrderlyEndLeavesNone) {
  OpenWithPool(3);
  const Sandbox mine = MustCreate();
  loop_.RunUntil(control_->ClosePool());
  EXPECT_EQ(world_.boxes.size(), 1u);
  EXPECT_TRUE(world_.boxes.contains(mine.id));
}

TEST_F(PoolTest, TwoRequestsWithOneKeyThatWaitForTheImageGetOneSandbox) {
  CreateRequest request = Request();
  request.idempotency_key = "once";
  std::vector<Result<Sandbox>> got;
  const auto ask = [](Sandboxes* control, CreateRequest r,
                      std::vector<Result<Sandbox>>* out) -> Task<void> {
    out->push_back(co_await control->Create(std::move(r)));
  };
  async::TaskGroup group;
  group.Spawn(ask(control_.get(), request, &got));
  group.Spawn(ask(control_.get(), request, &got));
  loop_.RunUntil(group.Join());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]->id, got[1]->id);
  EXPECT_EQ(control_->size(), 1u);
}

}  // namespace
}  // namespace cove::control
