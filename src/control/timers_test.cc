// Goal: each timer means what its name says, and only the activity that is set to count puts off
// the two that wait for idleness. Method: a clock that the test moves, a fake world.
#include <gmock/gmock.h>

#include "control/control_fixture_test.h"

namespace cove::control {
namespace {

class TimersTest : public ControlTest {
 protected:
  Sandbox MustCreateWith(std::function<void(CreateRequest&)> change) {
    CreateRequest request = Request();
    change(request);
    auto made = Create(request);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message());
    return made.ok() ? *made : Sandbox{};
  }
  void PassAndSettle(int minutes) {
    PassMinutes(minutes);
    Settle();
  }
};

TEST_F(TimersTest, IdleSandboxesStopUnlessACommandRuns) {
  const Sandbox s = MustCreate();
  control_->Run();
  world_.running = 1;
  PassAndSettle(16);
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  world_.running = 0;
  PassMinutes(10);
  control_->Touch(s.id, Activity::kApi);
  PassAndSettle(10);
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  PassAndSettle(6);
  EXPECT_EQ(StateOf(s.id), State::kStopped);
}

TEST_F(TimersTest, ASandboxThatDoesNotSayWhatRunsIsLeftAloneUnlessItNeverDoes) {
  const Sandbox s = MustCreate();
  control_->Run();
  world_.running = 1;
  world_.failing.emplace("Running", Error(Code::kTimeout, "busy"));
  PassMinutes(16);
  const auto pause = []() -> Task<void> { co_await async::Sleep(milliseconds(1)); };
  while (std::count(world_.log.begin(), world_.log.end(), "Running") < 3) loop_.RunUntil(pause());
  world_.failing.clear();
  Settle();
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  world_.failing.emplace("Running", Error(Code::kTimeout, "gone"));
  PassAndSettle(16);
  EXPECT_EQ(StateOf(s.id), State::kStopped);
}

TEST_F(TimersTest, IdleSandboxesPauseAndThenStayPaused) {
  const Sandbox s = MustCreateWith([](auto& r) { r.auto_pause = 20; });
  EXPECT_EQ(s.intervals.auto_stop, 0) << "the default of the other is off";
  control_->Run();
  PassAndSettle(19);
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  PassAndSettle(2);
  EXPECT_EQ(StateOf(s.id), State::kPaused);
  PassAndSettle(24 * 60);
  EXPECT_EQ(StateOf(s.id), State::kPaused);
  ASSERT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
  PassAndSettle(19);
  EXPECT_EQ(StateOf(s.id), State::kStarted) << "it was used when it was resumed";
}

TEST_F(TimersTest, AutoStopDoesNotTakeWhatSomebodyPaused) {
  const Sandbox s = MustCreate();
  control_->Run();
  ASSERT_TRUE(loop_.RunUntil(control_->Pause(s.id)).ok());
  PassAndSettle(60);
  EXPECT_EQ(StateOf(s.id), State::kPaused);
}

TEST_F(TimersTest, OnlyTheActivityThatIsSetToCountDoes) {
  settings_.activity = {Activity::kPreview};
  Open();
  const Sandbox s = MustCreate();
  control_->Run();
  world_.running = 1;
  for (int i = 0; i < 2; ++i) {
    PassMinutes(10);
    control_->Touch(s.id, Activity::kPreview);
  }
  PassAndSettle(10);
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  control_->Touch(s.id, Activity::kAsked);
  PassAndSettle(10);
  EXPECT_EQ(StateOf(s.id), State::kStarted) << "whoever asks for it is heard";
  for (Activity other :
       {Activity::kApi, Activity::kTerminal, Activity::kCommand, Activity::kModel}) {
    control_->Touch(s.id, other);
  }
  PassAndSettle(6);
  EXPECT_EQ(StateOf(s.id), State::kStopped);
}

TEST_F(TimersTest, AutoDeleteCountsFromTheStopWhateverIsAskedMeanwhile) {
  const Sandbox s = MustCreateWith([](auto& r) { r.auto_delete = 30; });
  control_->Run();
  PassAndSettle(10);
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  PassAndSettle(29);
  control_->Touch(s.id, Activity::kAsked);
  EXPECT_EQ(StateOf(s.id), State::kStopped);
  PassAndSettle(2);
  EXPECT_EQ(StateOf(s.id), State::kDestroyed);
  EXPECT_TRUE(world_.boxes.empty());
}

TEST_F(TimersTest, AutoDeleteLeavesWhatIsPaused) {
  const Sandbox s = MustCreateWith([](auto& r) { r.auto_delete = 30; });
  control_->Run();
  ASSERT_TRUE(loop_.RunUntil(control_->Pause(s.id)).ok());
  PassAndSettle(60);
  EXPECT_EQ(StateOf(s.id), State::kPaused);
}

TEST_F(TimersTest, TheTtlRunsFromTheCreationInEveryStateAndThroughUse) {
  const Sandbox used = MustCreateWith([](auto& r) { r.ttl = 60; });
  const Sandbox paused = MustCreateWith([](auto& r) { r.ttl = 60; });
  const Sandbox stopped = MustCreateWith([](auto& r) { r.ttl = 60; });
  control_->Run();
  ASSERT_TRUE(loop_.RunUntil(control_->Pause(paused.id)).ok());
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(stopped.id)).ok());
  for (int i = 0; i < 5; ++i) {
    PassMinutes(10);
    control_->Touch(used.id, Activity::kApi);
    Settle();
  }
  ASSERT_TRUE(loop_.RunUntil(control_->Start(stopped.id)).ok());
  Restart();
  control_->Run();
  PassAndSettle(9);
  EXPECT_EQ(StateOf(used.id), State::kStarted);
  EXPECT_EQ(StateOf(paused.id), State::kPaused);
  EXPECT_EQ(StateOf(stopped.id), State::kStarted);
  PassAndSettle(2);
  EXPECT_EQ(control_->size(), 0u);
  EXPECT_TRUE(world_.boxes.empty());
}

TEST_F(TimersTest, ATtlThatIsSetCountsFromThenAndZeroEndsIt) {
  const Sandbox s = MustCreateWith([](auto& r) {
    r.ttl = 60;
    r.auto_stop = 0;
  });
  control_->Run();
  PassMinutes(50);
  IntervalsPatch patch;
  patch.ttl = 30;
  ASSERT_TRUE(loop_.RunUntil(control_->SetIntervals(s.id, patch)).ok());
  Restart();
  control_->Run();
  PassAndSettle(29);
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  patch.ttl = 0;
  ASSERT_TRUE(loop_.RunUntil(control_->SetIntervals(s.id, patch)).ok());
  PassAndSettle(1000);
  EXPECT_EQ(StateOf(s.id), State::kStarted);
}

TEST_F(TimersTest, TimersThatContradictEachOtherAreRefused) {
  CreateRequest request = Request();
  request.auto_stop = 5;
  request.auto_pause = 5;
  EXPECT_THAT(Create(request).error().message(), ::testing::HasSubstr("at most one"));
  request.auto_stop = 0;
  request.auto_delete = 0;
  EXPECT_THAT(Create(request).error().message(), ::testing::HasSubstr("ephemeral"));
  const Sandbox s = MustCreate();
  IntervalsPatch patch;
  patch.auto_pause = 5;
  auto set = loop_.RunUntil(control_->SetIntervals(s.id, patch));
  EXPECT_THAT(set.error().message(), ::testing::HasSubstr("set the other to 0 first"));
}

}  // namespace
}  // namespace cove::control
