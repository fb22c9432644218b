// Goal: a paused sandbox keeps everything, costs nothing, and can be resumed, stopped, deleted and
// found again; a call that was under way hears what became of its sandbox. Method: a fake world.
#include <gmock/gmock.h>

#include "control/control_fixture_test.h"

namespace cove::control {
namespace {

using ::testing::HasSubstr;
using BoxState = FakeWorld::BoxState;

class PauseTest : public ControlTest {
 protected:
  Sandbox MustCreatePaused() {
    const Sandbox s = MustCreate("web");
    auto paused = loop_.RunUntil(control_->Pause(s.id));
    EXPECT_TRUE(paused.ok()) << paused.error().message();
    return paused.ok() ? *paused : Sandbox{};
  }
  // What Explain() says while `meanwhile` happens.
  Error ExplainWhile(const SandboxId& id, std::function<void()> meanwhile) {
    std::optional<Error> out;
    async::TaskGroup group;
    group.Spawn([](Sandboxes* control, SandboxId box, std::optional<Error>* to) -> Task<void> {
      to->emplace(co_await control->Explain(box, Error(Code::kClosed, "went away")));
    }(control_.get(), id, &out));
    meanwhile();
    Settle();
    return out ? *out : Error(Code::kInternal, "it waits still");
  }
  void End(const SandboxId& id, int status) {
    world_.boxes[id] = BoxState::kStopped;
    proto::runner::BoxExited event;
    event.id = id;
    event.known = true;
    event.status = status;
    control_->OnBoxExited(event);
  }
};

TEST_F(PauseTest, PauseStopsTheClocksAndTheBoxAndStartGoesOn) {
  const Sandbox s = MustCreatePaused();
  EXPECT_EQ(s.state, State::kPaused);
  EXPECT_EQ(s.desired, Desired::kPaused);
  EXPECT_EQ(world_.boxes[s.id], BoxState::kPaused);
  EXPECT_TRUE(world_.attached.contains(s.id)) << "connections are kept";
  EXPECT_EQ(world_.stopped_clocks.size(), 1u);
  const auto toolbox = control_->ToolboxFor(s.id);
  ASSERT_FALSE(toolbox.ok());
  EXPECT_EQ(toolbox.error().code(), Code::kConflict);
  EXPECT_THAT(toolbox.error().message(), HasSubstr("paused: start it first"));
  EXPECT_TRUE(loop_.RunUntil(control_->Pause(s.id)).ok()) << "again";
  const std::string token = *control_->PreviewToken(s.id);
  facts_.memory_available_bytes = 0;  // it holds its memory already
  auto started = loop_.RunUntil(control_->Start(s.id));
  ASSERT_TRUE(started.ok()) << started.error().message();
  EXPECT_EQ(started->state, State::kStarted);
  EXPECT_TRUE(world_.stopped_clocks.empty());
  EXPECT_TRUE(control_->ToolboxFor(s.id).ok());
  EXPECT_EQ(*control_->PreviewToken(s.id), token) << "links go on working";
}

TEST_F(PauseTest, OnlyAStartedOneCanBePaused) {
  const Sandbox s = MustCreate();
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  auto paused = loop_.RunUntil(control_->Pause(s.id));
  EXPECT_EQ(paused.error().code(), Code::kConflict);
  EXPECT_THAT(paused.error().message(), HasSubstr("stopped"));
}

TEST_F(PauseTest, OneThatCannotBePausedRunsOnAndSaysWhy) {
  const Sandbox s = MustCreate();
  world_.failing.emplace("PauseBox", Error(Code::kTimeout, "waits for a disk"));
  auto paused = loop_.RunUntil(control_->Pause(s.id));
  EXPECT_THAT(paused.error().message(), HasSubstr("waits for a disk"));
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  EXPECT_TRUE(world_.stopped_clocks.empty());
  EXPECT_TRUE(control_->ToolboxFor(s.id).ok());
}

TEST_F(PauseTest, APausedOneCanBeStoppedAndDeleted) {
  const Sandbox s = MustCreatePaused();
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  EXPECT_EQ(StateOf(s.id), State::kStopped);
  EXPECT_TRUE(world_.attached.empty());
  ASSERT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
  ASSERT_TRUE(loop_.RunUntil(control_->Pause(s.id)).ok());
  ASSERT_TRUE(loop_.RunUntil(control_->Delete(s.id)).ok());
  EXPECT_TRUE(world_.boxes.empty());
}

TEST_F(PauseTest, ARestartTakesAPausedOneOverWithoutWakingIt) {
  const Sandbox s = MustCreatePaused();
  const RecoverReport report = Restart();
  EXPECT_EQ(report.adopted, 1u);
  EXPECT_EQ(StateOf(s.id), State::kPaused);
  EXPECT_EQ(world_.boxes[s.id], BoxState::kPaused);
  EXPECT_TRUE(world_.attached.contains(s.id));
  ASSERT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
  EXPECT_TRUE(control_->ToolboxFor(s.id).ok());
}

TEST_F(PauseTest, APausedOneThatEndsSaysHow) {
  const Sandbox s = MustCreatePaused();
  End(s.id, 9);
  Settle();
  EXPECT_EQ(StateOf(s.id), State::kError);
  EXPECT_THAT(control_->Find(s.id)->error_reason, HasSubstr("signal 9"));
}

TEST_F(PauseTest, UseResumesItOnlyWhereThatIsSet) {
  const Sandbox s = MustCreatePaused();
  ASSERT_TRUE(loop_.RunUntil(control_->ResumeForUse(s.id)).ok());
  EXPECT_EQ(StateOf(s.id), State::kPaused);
  settings_.resume_on_use = true;
  Restart();
  ASSERT_TRUE(loop_.RunUntil(control_->ResumeForUse(s.id)).ok());
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  ASSERT_TRUE(loop_.RunUntil(control_->ResumeForUse(s.id)).ok());
  EXPECT_EQ(StateOf(s.id), State::kStopped) << "stopped is not paused";
}

TEST_F(PauseTest, AResizeIsAdmittedBeforeAnyWorkAndKept) {
  settings_.memory_overcommit = 0.25;  // 4 GiB
  Open();
  const Sandbox s = MustCreate();
  ResourcesPatch patch;
  patch.memory_gib = 5;
  world_.log.clear();
  auto refused = loop_.RunUntil(control_->Resize(s.id, patch));
  EXPECT_EQ(refused.error().code(), Code::kExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("not enough memory: 4 GiB"));
  patch.memory_gib = 0.5;
  patch.disk_gib = 1;
  EXPECT_EQ(loop_.RunUntil(control_->Resize(s.id, patch)).error().code(), Code::kInvalid);
  EXPECT_TRUE(world_.log.empty());
  patch = {};
  patch.io_weight = 101;
  EXPECT_THAT(loop_.RunUntil(control_->Resize(s.id, patch)).error().message(),
              HasSubstr("limits.io_weight_max"));
  patch.io_weight = 7;
  patch.pids = 3;
  EXPECT_THAT(loop_.RunUntil(control_->Resize(s.id, patch)).error().message(), HasSubstr("16"));
  EXPECT_TRUE(world_.log.empty());
  patch.pids = 100;
  patch.cpu = 2;
  patch.memory_gib = 3;
  for (const State state : {State::kStarted, State::kPaused, State::kStopped}) {
    if (state == State::kPaused) (void)loop_.RunUntil(control_->Pause(s.id));
    if (state == State::kStopped) (void)loop_.RunUntil(control_->Stop(s.id));
    *patch.cpu += 0.5;
    auto resized = loop_.RunUntil(control_->Resize(s.id, patch));
    ASSERT_TRUE(resized.ok()) << resized.error().message();
    EXPECT_EQ(resized->state, state);
    EXPECT_EQ(world_.last_limits.cpu_millis, static_cast<uint32_t>(*patch.cpu * 1000));
    EXPECT_EQ(world_.last_limits.pids, 100U);
    EXPECT_EQ(world_.last_limits.io_weight, 7U);
  }
  world_.failing.emplace("ResizeBox", Error(Code::kConflict, "it uses more than that"));
  patch.memory_gib = 0.125;
  EXPECT_THAT(loop_.RunUntil(control_->Resize(s.id, patch)).error().message(),
              HasSubstr("uses more"));
  Restart();
  EXPECT_EQ(control_->Find(s.id)->resources.cpu, 3.5);
  EXPECT_EQ(control_->Find(s.id)->resources.memory_gib, 3);
  EXPECT_EQ(control_->Find(s.id)->resources.pids, 100);
  EXPECT_EQ(control_->Find(s.id)->resources.io_weight, 7);
}

TEST_F(PauseTest, ACallUnderWayHearsWhatBecameOfItsSandbox) {
  const Sandbox s = MustCreate();
  const Error other = loop_.RunUntil(control_->Explain(s.id, Error(Code::kIo, "disk")));
  EXPECT_EQ(other.message(), "disk");
  Error error = ExplainWhile(s.id, [&] { End(s.id, 9); });
  EXPECT_EQ(error.code(), Code::kClosed);
  EXPECT_THAT(error.message(), HasSubstr("signal 9"));
  ASSERT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
  error = ExplainWhile(s.id, [&] { EXPECT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok()); });
  EXPECT_EQ(error.code(), Code::kConflict);
  EXPECT_THAT(error.message(), HasSubstr("was stopped"));
  ASSERT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
  error = ExplainWhile(s.id, [&] { EXPECT_TRUE(loop_.RunUntil(control_->Delete(s.id)).ok()); });
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("was deleted"));
}

TEST_F(PauseTest, KillsForWantOfMemoryAreCountedForEachRunAndKept) {
  const Sandbox s = MustCreate();
  control_->OnBoxOom({s.id, 1});
  control_->OnBoxOom({s.id, 3});
  control_->OnBoxOom({s.id, 3});
  using Told = std::vector<std::pair<SandboxId, uint64_t>>;
  EXPECT_EQ(ooms_, (Told{{s.id, 1}, {s.id, 2}})) << "each once, for the audit";
  EXPECT_EQ(control_->Find(s.id)->oom_kills, 3u);
  ASSERT_TRUE(loop_.RunUntil(control_->Flush()).ok());
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  Restart();
  EXPECT_EQ(control_->Find(s.id)->oom_kills, 3u);
  ASSERT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
  EXPECT_EQ(control_->Find(s.id)->oom_kills, 0u);
}

}  // namespace
}  // namespace cove::control
