// Goal: each operation leaves the row, the box and the door in agreement, and errors say what to
// do. Method: a fake runner and door, a real store; failures are put into single steps.
#include <gmock/gmock.h>

#include "control/control_fixture_test.h"

namespace cove::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LifecycleTest : public ControlTest {};

TEST_F(LifecycleTest, CreateAnswersStartedWithTheDoorOpenAndTheEnvironmentSet) {
  CreateRequest request = Request("web");
  request.env = {{"COLOUR", "blue"}, {"DAYTONA_REGION_ID", "mine"}};
  request.labels = {{"code-toolbox-language", "python"}};
  auto made = Create(request);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->state, State::kStarted);
  EXPECT_EQ(made->snapshot, "host");
  EXPECT_EQ(made->labels.at("code-toolbox-language"), "python");
  EXPECT_TRUE(world_.attached.contains(made->id));
  const EnvMap& env = world_.env[*control_->ToolboxFor(made->id)];
  EXPECT_EQ(env.at("COVE_SANDBOX_ID"), made->id.value);
  EXPECT_EQ(env.at("OPENAI_BASE_URL"), "http://models.cove/openai/v1");
  EXPECT_EQ(env.at("COLOUR"), "blue");
  EXPECT_EQ(env.at("DAYTONA_REGION_ID"), "mine");
  EXPECT_FALSE(env.contains("OPENAI_API_KEY"));
  EXPECT_EQ(world_.last_limits.memory_bytes, 1ull << 30);
}

TEST_F(LifecycleTest, FindsByIdAndNameOnlyInItsOrganisation) {
  const Sandbox s = MustCreate("web");
  EXPECT_EQ(control_->Get(s.org, "web")->id, s.id);
  EXPECT_EQ(control_->Get(s.org, s.id.value)->name, "web");
  EXPECT_EQ(control_->Get(OrgId("other"), s.id.value).error().code(), Code::kNotFound);
  EXPECT_EQ(control_->Get(OrgId("other"), "web").error().code(), Code::kNotFound);
}

TEST_F(LifecycleTest, RefusesWhatCanNeverWorkBeforeAnyWork) {
  auto refused = [&](std::function<void(CreateRequest&)> change) {
    CreateRequest request = Request();
    change(request);
    auto made = Create(request);
    EXPECT_FALSE(made.ok());
    return made.ok() ? std::string() : made.error().message();
  };
  (void)loop_.RunUntil(control_->EnsureHostImage());
  world_.log.clear();
  EXPECT_THAT(refused([](auto& r) { r.snapshot = "nope"; }), HasSubstr("'nope'"));
  EXPECT_THAT(refused([](auto& r) { r.name = "a b"; }), HasSubstr("name"));
  EXPECT_THAT(refused([](auto& r) { r.cpu = 0; }), HasSubstr("cpu"));
  EXPECT_THAT(refused([](auto& r) { r.cpu = 9; }), HasSubstr("0.1 to 8"));
  EXPECT_THAT(refused([](auto& r) { r.memory_gib = -1; }), HasSubstr("memory"));
  EXPECT_THAT(refused([](auto& r) { r.disk_gib = 1e9; }), HasSubstr("disk"));
  EXPECT_THAT(refused([](auto& r) { r.disk_gib = 51; }), HasSubstr("0.1 to 50"))
      << "half of what all have";
  EXPECT_THAT(refused([](auto& r) { r.env = {{"1X", "y"}}; }), HasSubstr("1X"));
  EXPECT_THAT(refused([](auto& r) { r.labels = {{"", "y"}}; }), HasSubstr("label"));
  EXPECT_THAT(refused([](auto& r) { r.target = "mars"; }), HasSubstr("mars"));
  EXPECT_THAT(refused([](auto& r) { r.auto_stop = -1; }), HasSubstr("autoStopInterval"));
  EXPECT_THAT(refused([](auto& r) { r.network.allow_list = "10.0.0.0"; }), HasSubstr("10.0.0.0"));
  EXPECT_THAT(refused([](auto& r) { r.network.domain_allow_list = "a_b"; }), HasSubstr("a_b"));
  EXPECT_TRUE(world_.log.empty());
  EXPECT_EQ(control_->size(), 0u);
}

TEST_F(LifecycleTest, ANameIsTakenOnceAndFreeAfterTheDelete) {
  const Sandbox first = MustCreate("web");
  auto second = Create(Request("web"));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kConflict);
  ASSERT_TRUE(loop_.RunUntil(control_->Delete(first.id)).ok());
  EXPECT_TRUE(Create(Request("web")).ok());
}

TEST_F(LifecycleTest, TheSameIdempotencyKeyGivesTheSameSandbox) {
  CreateRequest request = Request();
  request.idempotency_key = "once";
  const auto first = Create(request);
  const auto second = Create(request);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->id, second->id);
  EXPECT_EQ(world_.boxes.size(), 1u);
}

TEST_F(LifecycleTest, AnIdempotencyKeyIsForOneBodyAlsoAfterARestart) {
  CreateRequest request = Request();
  request.idempotency_key = "once";
  request.labels = {{"a", "1"}};
  const auto first = Create(request);
  ASSERT_TRUE(first.ok());
  CreateRequest other = request;
  other.labels["a"] = "2";
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    EXPECT_EQ(Create(request)->id, first->id);
    const auto refused = Create(other);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::kConflict);
    EXPECT_THAT(refused.error().message(), HasSubstr(first->id.value));
    EXPECT_THAT(refused.error().message(), HasSubstr("send a new key"));
  }
  EXPECT_EQ(world_.boxes.size(), 1u);
  ASSERT_TRUE(loop_.RunUntil(control_->Delete(first->id)).ok());
  EXPECT_TRUE(Create(other).ok()) << "the key is free with its sandbox";
}

TEST_F(LifecycleTest, AnIdempotencyKeyIsOneUsersOwn) {
  CreateRequest request = Request();
  request.idempotency_key = "once";
  request.created_by = "ann";
  const auto first = Create(request);
  request.created_by = "bob";
  const auto second = Create(request);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first->id, second->id);
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    EXPECT_EQ(Create(request)->id, second->id);
  }
  EXPECT_EQ(world_.boxes.size(), 2u);
}

TEST_F(LifecycleTest, AFailedCreateLeavesNothing) {
  for (const std::string step : {"CreateBox", "Configure"}) {
    world_.failing.emplace(step, Error(Code::kUnavailable, "broken"));
    auto made = Create(Request("web"));
    ASSERT_FALSE(made.ok()) << step;
    EXPECT_THAT(made.error().message(), HasSubstr("broken"));
    EXPECT_TRUE(world_.boxes.empty()) << step;
    EXPECT_TRUE(world_.attached.empty()) << step;
    EXPECT_EQ(control_->size(), 0u) << step;
    world_.failing.clear();
  }
  Restart();
  EXPECT_EQ(control_->size(), 0u);
  EXPECT_TRUE(Create(Request("web")).ok());
}

TEST_F(LifecycleTest, ACreateThatCannotBeUndoneIsTriedAgain) {
  world_.failing.emplace("Configure", Error(Code::kUnavailable, "broken"));
  world_.failing.emplace("DeleteBox", Error(Code::kIo, "busy"));
  control_->Run();
  ASSERT_FALSE(Create(Request("web")).ok());
  EXPECT_EQ(world_.boxes.size(), 1u);
  world_.failing.clear();
  Settle();
  EXPECT_TRUE(world_.boxes.empty());
  EXPECT_EQ(control_->size(), 0u);
}

TEST_F(LifecycleTest, ACreateGoesOnWhenItsCallerHangsUp) {
  StartAndLeave(control_->Create(Request("web")));
  Settle();
  EXPECT_EQ(control_->Get(identity::kDefaultOrg, "web")->state, State::kStarted);
}

TEST_F(LifecycleTest, StopsAndStartsAgainWithANewPreviewToken) {
  const Sandbox s = MustCreate();
  const std::string token = *control_->PreviewToken(s.id);
  world_.log.clear();
  auto stopped = loop_.RunUntil(control_->Stop(s.id));
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped->state, State::kStopped);
  EXPECT_THAT(world_.log, ElementsAre("StopBox", "detach"));
  auto toolbox = control_->ToolboxFor(s.id);
  EXPECT_EQ(toolbox.error().code(), Code::kConflict);
  EXPECT_THAT(toolbox.error().message(), HasSubstr("start it first"));
  EXPECT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  auto started = loop_.RunUntil(control_->Start(s.id));
  ASSERT_TRUE(started.ok()) << started.error().message();
  EXPECT_EQ(started->state, State::kStarted);
  EXPECT_TRUE(world_.attached.contains(s.id));
  EXPECT_NE(*control_->PreviewToken(s.id), token);
  EXPECT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
}

TEST_F(LifecycleTest, AFailedStartIsAnErrorThatCanBeTriedAgain) {
  const Sandbox s = MustCreate();
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)).ok());
  world_.failing.emplace("StartBox", Error(Code::kIo, "no loop device"));
  EXPECT_FALSE(loop_.RunUntil(control_->Start(s.id)).ok());
  EXPECT_EQ(StateOf(s.id), State::kError);
  EXPECT_THAT(control_->Find(s.id)->error_reason, HasSubstr("no loop device"));
  EXPECT_TRUE(control_->Find(s.id)->recoverable());
  world_.failing.clear();
  EXPECT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
}

TEST_F(LifecycleTest, DeleteLeavesNothingAndIsHeardOf) {
  std::vector<std::string> heard;
  const Subscription subscription = control_->Subscribe([&](const Change& c) {
    heard.push_back((c.from ? std::string(StateName(*c.from)) : "none") + ">" +
                    std::string(StateName(c.to)));
  });
  const Sandbox s = MustCreate();
  auto deleted = loop_.RunUntil(control_->Delete(s.id));
  ASSERT_TRUE(deleted.ok());
  EXPECT_EQ(deleted->state, State::kDestroyed);
  EXPECT_TRUE(world_.boxes.empty());
  EXPECT_TRUE(world_.attached.empty());
  EXPECT_EQ(loop_.RunUntil(control_->Start(s.id)).error().code(), Code::kNotFound);
  EXPECT_THAT(heard, ElementsAre("none>creating", "creating>started", "started>destroying",
                                 "destroying>destroyed"));
}

TEST_F(LifecycleTest, OperationsOnOneSandboxRunInTheOrderAsked) {
  const Sandbox s = MustCreate();
  async::TaskGroup group;
  std::vector<std::string> states;
  auto note = [](Task<Result<Sandbox>> t, std::vector<std::string>* out) -> Task<void> {
    auto r = co_await std::move(t);
    out->push_back(r.ok() ? std::string(StateName(r->state)) : "error");
  };
  group.Spawn(note(control_->Stop(s.id), &states));
  group.Spawn(note(control_->Start(s.id), &states));
  group.Spawn(note(control_->Delete(s.id), &states));
  group.Spawn(note(control_->Start(s.id), &states));
  loop_.RunUntil(group.Join());
  EXPECT_THAT(states, ElementsAre("stopped", "started", "destroyed", "error"));
}

TEST_F(LifecycleTest, AnEphemeralSandboxIsDeletedWhenItStops) {
  CreateRequest request = Request();
  request.auto_delete = 0;
  const Sandbox s = *Create(request);
  auto stopped = loop_.RunUntil(control_->Stop(s.id));
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped->state, State::kDestroyed);
  EXPECT_TRUE(world_.boxes.empty());
}

TEST_F(LifecycleTest, ChangesAreCheckedKeptAndTold) {
  const Sandbox s = MustCreate();
  EXPECT_FALSE(loop_.RunUntil(control_->SetLabels(s.id, {{"", "x"}})).ok());
  ASSERT_TRUE(loop_.RunUntil(control_->SetLabels(s.id, {{"a", "b"}})).ok());
  IntervalsPatch minutes;
  minutes.auto_stop = 0;
  ASSERT_TRUE(loop_.RunUntil(control_->SetIntervals(s.id, minutes)).ok());
  NetworkPatch network;
  network.block_all = true;
  ASSERT_TRUE(loop_.RunUntil(control_->SetNetwork(s.id, network)).ok());
  EXPECT_EQ(world_.log.back(), "update");
  Restart();
  const Sandbox now = *control_->Find(s.id);
  EXPECT_EQ(now.labels.at("a"), "b");
  EXPECT_EQ(now.intervals.auto_stop, 0);
  EXPECT_TRUE(now.network.block_all);
  NetworkPatch allow;
  allow.domain_allow_list = "*.example.com,B.test.";
  auto changed = loop_.RunUntil(control_->SetNetwork(s.id, allow));
  ASSERT_TRUE(changed) << "a name may end in a dot, as in rules";
  EXPECT_FALSE(changed->network.block_all);
}

TEST_F(LifecycleTest, ListsPagesInOrderWhileSandboxesGo) {
  std::vector<Sandbox> made;
  for (int i = 0; i < 5; ++i) made.push_back(MustCreate("s" + std::to_string(i)));
  ListQuery query;
  query.limit = 2;
  query.sort = SortKey::kName;
  query.order = SortOrder::kAscending;
  auto first = control_->List(identity::kDefaultOrg, query);
  ASSERT_EQ(first->items.size(), 2u);
  EXPECT_EQ(first->total, 5u);
  EXPECT_EQ(first->items[1].name, "s1");
  ASSERT_TRUE(loop_.RunUntil(control_->Delete(made[1].id)).ok());
  query.cursor = first->next_cursor;
  auto second = control_->List(identity::kDefaultOrg, query);
  EXPECT_EQ(second->items[0].name, "s2");
  query.cursor = second->next_cursor;
  auto third = control_->List(identity::kDefaultOrg, query);
  EXPECT_EQ(third->items[0].name, "s4");
  EXPECT_EQ(third->next_cursor, "");
  query.cursor = "xyz";
  EXPECT_EQ(control_->List(identity::kDefaultOrg, query).error().code(), Code::kInvalid);
}

TEST_F(LifecycleTest, ASnapshotKeepsTheFilesAndCanBeUsedAndDeleted) {
  const Sandbox s = MustCreate("web");
  auto taken = loop_.RunUntil(control_->TakeSnapshot(s.id, "mine"));
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  EXPECT_EQ(taken->state, SnapshotState::kActive);
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  EXPECT_EQ(loop_.RunUntil(control_->TakeSnapshot(s.id, "mine")).error().code(), Code::kConflict);
  CreateRequest request = Request();
  request.snapshot = "mine";
  auto made = Create(request);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->image, taken->image);
  EXPECT_EQ(made->ancestors, std::vector<std::string>{"host"});
  auto again = loop_.RunUntil(control_->TakeSnapshot(made->id, "again"));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(again->ancestors, (std::vector<std::string>{"host", "mine"}));
  ASSERT_TRUE(loop_.RunUntil(control_->DeleteSnapshot(s.org, "again")).ok());
  ASSERT_TRUE(loop_.RunUntil(control_->DeleteSnapshot(s.org, "mine")).ok());
  Settle();
  EXPECT_TRUE(world_.images.contains(taken->image));
  ASSERT_TRUE(loop_.RunUntil(control_->Delete(made->id)).ok());
  Settle();
  EXPECT_FALSE(world_.images.contains(taken->image));
  EXPECT_TRUE(world_.images.contains(world_.host_image));
  EXPECT_EQ(loop_.RunUntil(control_->DeleteSnapshot(s.org, "host")).error().code(),
            Code::kConflict);
}

TEST_F(LifecycleTest, AFailedSnapshotLeavesItsSandboxRunning) {
  const Sandbox s = MustCreate("web");
  world_.failing.emplace("SnapshotBox", Error(Code::kExhausted, "disk full"));
  EXPECT_FALSE(loop_.RunUntil(control_->TakeSnapshot(s.id, "mine")).ok());
  EXPECT_EQ(StateOf(s.id), State::kStarted);
  EXPECT_FALSE(control_->GetSnapshot(s.org, "mine").ok());
}

TEST_F(LifecycleTest, ASnapshotThatTheDiskHasNoRoomForStopsNothing) {
  const Sandbox s = MustCreate("web");
  facts_.room = proto::Room{};
  facts_.room->threads_max = 1 << 20;
  facts_.room->host_reserve_bytes = 2ull << 30;
  facts_.room->host_available_bytes = (2ull << 30) - 1;
  world_.log.clear();
  const auto taken = loop_.RunUntil(control_->TakeSnapshot(s.id, "mine"));
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code(), Code::kExhausted);
  EXPECT_THAT(taken.error().message(), HasSubstr("kept in reserve"));
  EXPECT_THAT(world_.log, ::testing::IsEmpty());
  EXPECT_FALSE(control_->GetSnapshot(s.org, "mine").ok());
  facts_.room->host_available_bytes += 1;
  EXPECT_TRUE(loop_.RunUntil(control_->TakeSnapshot(s.id, "mine")).ok());
}

TEST_F(LifecycleTest, AServerWithTheImagesOfAnotherStopsNothingForASnapshot) {
  control_.reset();
  settings_.images = Settings::Images::kBorrowed;
  Open();
  const Sandbox s = MustCreate("web");
  world_.log.clear();
  const auto taken = loop_.RunUntil(control_->TakeSnapshot(s.id, "mine"));
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code(), Code::kDenied);
  EXPECT_THAT(world_.log, ::testing::IsEmpty());
}

TEST_F(LifecycleTest, ASandboxThatFailsToStartAfterItsSnapshotSaysSo) {
  const Sandbox s = MustCreate("web");
  world_.failing.emplace("StartBox", Error(Code::kUnavailable, "no cgroup"));
  ASSERT_TRUE(loop_.RunUntil(control_->TakeSnapshot(s.id, "mine")).ok());
  const auto why = AllOf(HasSubstr("stopped for a snapshot"), HasSubstr("no cgroup"));
  EXPECT_EQ(StateOf(s.id), State::kError);
  EXPECT_THAT(control_->Find(s.id)->error_reason, why);
  ASSERT_EQ(downs_.size(), 1u);
  EXPECT_EQ(downs_[0].first, s.id);
  EXPECT_THAT(downs_[0].second, why);
}

TEST_F(LifecycleTest, ASandboxThatThereIsNoRoomForAfterItsSnapshotRestsAndSaysWhy) {
  const Sandbox s = MustCreate("web");
  facts_.memory_available_bytes = 1;
  ASSERT_TRUE(loop_.RunUntil(control_->TakeSnapshot(s.id, "mine")).ok());
  const auto found = control_->Find(s.id);
  EXPECT_EQ(found->state, State::kStopped);
  EXPECT_EQ(found->desired, Desired::kStopped);
  EXPECT_THAT(found->error_reason, HasSubstr("could not be started again"));
  EXPECT_EQ(downs_.size(), 1u);
  const Error told = loop_.RunUntil(control_->Explain(s.id, Error(Code::kClosed, "broken")));
  EXPECT_THAT(told.message(), HasSubstr("memory left"));
  facts_.memory_available_bytes = 16ull << 30;
  EXPECT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
  EXPECT_EQ(control_->Find(s.id)->error_reason, "");
}

TEST_F(LifecycleTest, ASandboxThatEndsByItselfSaysHow) {
  const Sandbox s = MustCreate();
  proto::runner::BoxExited event;
  event.id = s.id;
  event.known = true;
  event.status = 9;  // SIGKILL
  event.oom_kills = 1;
  control_->OnBoxExited(event);
  Settle();
  EXPECT_EQ(StateOf(s.id), State::kStarted) << "the runner says that it runs";
  world_.boxes[s.id] = FakeWorld::BoxState::kStopped;
  control_->OnBoxExited(event);
  Settle();
  EXPECT_EQ(StateOf(s.id), State::kError);
  EXPECT_THAT(control_->Find(s.id)->error_reason, HasSubstr("ended by signal 9"));
  EXPECT_FALSE(world_.attached.contains(s.id));
  EXPECT_TRUE(loop_.RunUntil(control_->Start(s.id)).ok());
}

}  // namespace
}  // namespace cove::control
