// Goal: a front that is killed at any step leaves nothing that the next one does not put right.
// Method: each operation is halted at each of its steps, before and after the step's effect; then a
// new control is opened over the same rows and the same runner.
#include <gmock/gmock.h>

#include "control/control_fixture_test.h"

namespace cove::control {
namespace {

struct Cut {
  std::string step;
  Halt halt;
};

void PrintTo(const Cut& cut, std::ostream* out) {
  *out << cut.step << (cut.halt == Halt::kBefore ? " before" : " after");
}

class RecoverTest : public ControlTest, public ::testing::WithParamInterface<Cut> {
 protected:
  // Rows, boxes and door agree: what runs is served, nothing is under way, nobody is unowned.
  void ExpectAgreement() {
    ListQuery query;
    query.limit = 200;
    const ListPage page = *control_->List(identity::kDefaultOrg, query);
    size_t served = 0;
    for (const Sandbox& s : page.items) {
      ASSERT_TRUE(world_.boxes.contains(s.id)) << s.name;
      const auto box = world_.boxes[s.id];
      const bool runs = box != FakeWorld::BoxState::kStopped;
      EXPECT_EQ(box == FakeWorld::BoxState::kRunning, s.state == State::kStarted)
          << s.name << " " << StateName(s.state);
      EXPECT_EQ(box == FakeWorld::BoxState::kPaused, s.state == State::kPaused)
          << s.name << " " << StateName(s.state);
      EXPECT_EQ(runs, world_.attached.contains(s.id)) << s.name;
      EXPECT_TRUE(s.state == State::kStarted || s.state == State::kStopped ||
                  s.state == State::kPaused)
          << s.name << " " << StateName(s.state) << " " << s.error_reason;
      if (runs) ++served;
    }
    EXPECT_EQ(world_.boxes.size(), page.items.size());
    EXPECT_EQ(world_.attached.size(), served);
    for (const Snapshot& s : control_->ListSnapshots(identity::kDefaultOrg)) {
      EXPECT_EQ(s.state, SnapshotState::kActive);
    }
  }
  void HaltAt(const Cut& cut) { world_.halting[cut.step] = cut.halt; }
};

TEST_P(RecoverTest, ACreateIsFinished) {
  MustCreate("other");
  HaltAt(GetParam());
  StartAndLeave(control_->Create(Request("web")));
  Restart();
  ExpectAgreement();
  EXPECT_EQ(control_->Get(identity::kDefaultOrg, "web")->state, State::kStarted);
}

TEST_P(RecoverTest, AStartIsFinished) {
  const Sandbox s = MustCreate("web");
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  HaltAt(GetParam());
  StartAndLeave(control_->Start(s.id));
  Restart();
  ExpectAgreement();
  EXPECT_EQ(StateOf(s.id), State::kStarted);
}

TEST_P(RecoverTest, AStopIsFinished) {
  const Sandbox s = MustCreate("web");
  HaltAt(GetParam());
  StartAndLeave(control_->Stop(s.id));
  Restart();
  ExpectAgreement();
  EXPECT_EQ(StateOf(s.id), State::kStopped);
}

TEST_P(RecoverTest, ADeleteIsFinished) {
  const Sandbox s = MustCreate("web");
  HaltAt(GetParam());
  StartAndLeave(control_->Delete(s.id));
  Restart();
  ExpectAgreement();
  EXPECT_EQ(control_->size(), 0u);
}

TEST_P(RecoverTest, APauseIsFinished) {
  const Sandbox s = MustCreate("web");
  HaltAt(GetParam());
  StartAndLeave(control_->Pause(s.id));
  Restart();
  ExpectAgreement();
  EXPECT_EQ(StateOf(s.id), State::kPaused);
  EXPECT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
}

TEST_P(RecoverTest, AResumeIsFinished) {
  const Sandbox s = MustCreate("web");
  ASSERT_TRUE(loop_.RunUntil(control_->Pause(s.id)).ok());
  HaltAt(GetParam());
  StartAndLeave(control_->Start(s.id));
  Restart();
  ExpectAgreement();
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  EXPECT_TRUE(world_.stopped_clocks.empty());
}

TEST_P(RecoverTest, AResizeIsFinished) {
  const Sandbox s = MustCreate("web");
  HaltAt(GetParam());
  ResourcesPatch patch;
  patch.memory_gib = 2;
  StartAndLeave(control_->Resize(s.id, patch));
  Restart();
  ExpectAgreement();
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  EXPECT_EQ(control_->Find(s.id)->resources.memory_gib, 2);
  EXPECT_EQ(world_.last_limits.memory_bytes, 2ull << 30);
}

TEST_P(RecoverTest, ASnapshotIsTakenOrNotAndItsSandboxRunsAgain) {
  const Sandbox s = MustCreate("web");
  HaltAt(GetParam());
  StartAndLeave(control_->TakeSnapshot(s.id, "mine"));
  Restart();
  (void)loop_.RunUntil(control_->EnsureHostImage());
  Settle();
  ExpectAgreement();
  EXPECT_EQ(StateOf(s.id), State::kStarted);
}

TEST_P(RecoverTest, ARecoveryCutOffIsItselfRecovered) {
  MustCreate("a");
  const Sandbox b = MustCreate("b");
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(b.id)).ok());
  world_.halting["CreateBox"] = Halt::kAfter;
  StartAndLeave(control_->Create(Request("c")));
  control_.reset();
  world_.FrontDied();
  world_.halting.clear();
  HaltAt(GetParam());
  Open();
  StartAndLeave(control_->Recover());
  Restart();
  ExpectAgreement();
  EXPECT_EQ(control_->size(), 3u);
}

std::vector<Cut> AllCuts() {
  std::vector<Cut> out;
  for (const char* step :
       {"CreateBox", "StartBox", "AttachBox", "StopBox", "DeleteBox", "SnapshotBox", "Configure",
        "ListBoxes", "PauseBox", "ResumeBox", "StopClocks", "StartClocks", "ResizeBox"}) {
    out.push_back({step, Halt::kBefore});
    out.push_back({step, Halt::kAfter});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(EveryStep, RecoverTest, ::testing::ValuesIn(AllCuts()));

class AdoptTest : public ControlTest {
 protected:
  // A create answers before its last row, which says "started", is written.
  RecoverReport RestartSettled() {
    EXPECT_TRUE(loop_.RunUntil(control_->Flush()).ok());
    return Restart();
  }
};

TEST_F(AdoptTest, RunningSandboxesAreServedAgainWithTheirEnvironment) {
  CreateRequest request = Request("web");
  request.env = {{"COLOUR", "blue"}};
  const Sandbox s = *Create(request);
  const std::string token = *control_->PreviewToken(s.id);
  world_.env.clear();
  const RecoverReport report = RestartSettled();
  EXPECT_EQ(report.adopted, 1u);
  const std::string socket = *control_->ToolboxFor(s.id);
  EXPECT_EQ(world_.env[socket].at("COLOUR"), "blue");
  EXPECT_EQ(*control_->PreviewToken(s.id), token);
}

TEST_F(AdoptTest, ThoseThatEndedMeanwhileAreStoppedAndSaySo) {
  const Sandbox s = MustCreate("web");
  world_.boxes[s.id] = FakeWorld::BoxState::kStopped;
  EXPECT_EQ(RestartSettled().stopped, 1u);
  EXPECT_EQ(StateOf(s.id), State::kStopped);
  EXPECT_THAT(control_->Find(s.id)->error_reason, ::testing::HasSubstr("while Cove was down"));
}

TEST_F(AdoptTest, ThoseWhoseFilesAreGoneAreErrors) {
  const Sandbox s = MustCreate("web");
  world_.boxes.clear();
  RestartSettled();
  EXPECT_EQ(StateOf(s.id), State::kError);
  EXPECT_TRUE(loop_.RunUntil(control_->Delete(s.id)).ok());
}

TEST_F(AdoptTest, BoxesThatNobodyOwnsAreRemoved) {
  MustCreate("web");
  world_.boxes[SandboxId("99999999-0000-4000-8000-000000000000")] = FakeWorld::BoxState::kRunning;
  EXPECT_EQ(RestartSettled().removed, 1u);
  EXPECT_EQ(world_.boxes.size(), 1u);
}

TEST_F(AdoptTest, ANewHostImageReplacesTheOldOneForNewSandboxes) {
  const Sandbox old = MustCreate("old");
  world_.host_image = ImageId("host-image-2");
  RestartSettled();
  (void)loop_.RunUntil(control_->EnsureHostImage());
  const Sandbox fresh = MustCreate("fresh");
  EXPECT_EQ(fresh.image, world_.host_image);
  Settle();
  EXPECT_TRUE(world_.images.contains(old.image));
  ASSERT_TRUE(loop_.RunUntil(control_->Delete(old.id)).ok());
  Settle();
  EXPECT_FALSE(world_.images.contains(old.image));
}

}  // namespace
}  // namespace cove::control
