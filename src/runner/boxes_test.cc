// Goal: boxes live, die and are found again as promised, and nothing of a failed one stays.
// Method: the real files of a data directory, with a driver whose boxes are sleeping processes.
#include "runner/boxes.h"

#include "image/dir.h"
#include "runner/testing.h"

namespace cove::runner {
namespace {

using proto::runner::BoxState;
using testing::kA;
using testing::kB;

class BoxesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_ROOT();
    data = std::make_unique<testing::TempData>();
    jobs = std::make_unique<testing::FakeJobs>(data->data());
    disk = std::make_unique<testing::FakeDisk>(*data / "runner/disk");
    auto opened = UidRanges::Open(*data / "uids", data->data().runner_path());
    ASSERT_TRUE(opened) << opened.error().message();
    uids.emplace(*std::move(opened));
    image = data->MakeImage('a');
    Restart();
  }
  // A new runner on what the last one left.
  void Restart() {
    boxes.reset();
    boxes = std::make_unique<Boxes>(Boxes::Deps{
        driver, data->data(), *jobs, *disk, *uids,
        [this](const proto::runner::BoxExited& e) { exits.push_back(e); },
        [this](const proto::runner::BoxOom& e) { ooms.push_back(e); },
        [this](const proto::Room& e) { rooms.push_back(e); }, Shares(), Boxes::Deps::Images::kOwn,
        [this] { return machine; }, [this] { return driver.socket_buffers + uncounted_buffers; }});
    const auto recovered = loop.RunUntil(boxes->Recover());
    ASSERT_TRUE(recovered) << recovered.error().message();
  }
  void Drain() { loop.RunUntil(boxes->DrainLeaving(Now() + seconds(5))); }
  Result<Attached> Create(const SandboxId& id) {
    proto::runner::BoxCreate request;
    request.id = id;
    request.image = image;
    request.hostname = "box";
    return loop.RunUntil(boxes->Create(request));
  }
  static Task<void> Pass() { co_await async::Sleep(milliseconds(1)); }
  async::Loop loop;
  testing::FakeDriver driver;
  sys::Machine machine{.memory_available = 1ull << 34,
                       .memory = 1ull << 34,
                       .terminals_available = 3072,
                       .terminals = 3072};
  uint64_t uncounted_buffers = 0;
  std::unique_ptr<testing::TempData> data;
  std::unique_ptr<testing::FakeJobs> jobs;
  std::unique_ptr<testing::FakeDisk> disk;
  std::optional<UidRanges> uids;
  std::vector<proto::runner::BoxExited> exits;
  std::vector<proto::runner::BoxOom> ooms;
  std::vector<proto::Room> rooms;
  std::unique_ptr<Boxes> boxes;
  ImageId image;
};

TEST_F(BoxesTest, CreateStartsABoxAndHandsOutItsSockets) {
  const auto made = Create(kA);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->sockets.size(), proto::runner::kBoxSockets);
  EXPECT_EQ(made->info.toolbox_socket, data->data().socket_path(kA));
  EXPECT_TRUE(data->Has("runner/boxes/" + kA.value + "/spec"));
  EXPECT_TRUE(data->Has("runner/boxes/" + kA.value + "/run"));
  ASSERT_EQ(boxes->List().size(), 1u);
  EXPECT_EQ(boxes->List()[0].state, BoxState::kRunning);
  EXPECT_FALSE(Create(kA));
}

TEST_F(BoxesTest, PausesResumesAndFindsAPausedOneAgain) {
  ASSERT_TRUE(Create(kA));
  EXPECT_EQ(loop.RunUntil(boxes->Pause(kB)).error().code(), Code::kNotFound);
  ASSERT_TRUE(loop.RunUntil(boxes->Pause(kA)));
  ASSERT_TRUE(loop.RunUntil(boxes->Pause(kA))) << "again";
  loop.RunUntil(Pass());
  EXPECT_EQ(jobs->reclaims, 1);
  EXPECT_EQ(boxes->List()[0].state, BoxState::kPaused);
  EXPECT_TRUE(loop.RunUntil(boxes->Attach(kA)));
  Restart();
  EXPECT_EQ(boxes->List()[0].state, BoxState::kPaused);
  ASSERT_TRUE(loop.RunUntil(boxes->Resume(kA)));
  EXPECT_EQ(boxes->List()[0].state, BoxState::kRunning);
  EXPECT_TRUE(driver.frozen.empty());
}

TEST_F(BoxesTest, APausedBoxEndsInOrderAndOneThatCannotBePausedRunsOn) {
  ASSERT_TRUE(Create(kA));
  driver.fail_pause = true;
  EXPECT_FALSE(loop.RunUntil(boxes->Pause(kA)));
  EXPECT_EQ(boxes->List()[0].state, BoxState::kRunning);
  driver.fail_pause = false;
  ASSERT_TRUE(loop.RunUntil(boxes->Pause(kA)));
  ASSERT_TRUE(loop.RunUntil(boxes->Stop(kA, seconds(5))));
  EXPECT_EQ(driver.kills, 0) << "it was thawed and asked to end";
  EXPECT_EQ(boxes->List()[0].state, BoxState::kStopped);
  EXPECT_FALSE(loop.RunUntil(boxes->Pause(kA)));
  EXPECT_FALSE(loop.RunUntil(boxes->Resume(kA)));
}

TEST_F(BoxesTest, TellsOfWhatTheKernelKilledForWantOfMemory) {
  ASSERT_TRUE(Create(kA));
  driver.oom_kills = 2;
  ASSERT_EQ(eventfd_write(driver.oom_event, 1), 0);
  for (int i = 0; i < 5000 && ooms.empty(); ++i) loop.RunUntil(Pass());
  ASSERT_EQ(ooms.size(), 1u);
  EXPECT_EQ(ooms[0].id, kA);
  EXPECT_EQ(ooms[0].kills, 2u);
  EXPECT_EQ(boxes->List()[0].oom_kills, 2u);
}

TEST_F(BoxesTest, AFailedCreateLeavesNothing) {
  driver.fail_start = true;
  const auto made = Create(kA);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Code::kExhausted);
  EXPECT_TRUE(boxes->List().empty());
  Drain();
  EXPECT_FALSE(data->Has("runner/boxes/" + kA.value));
  EXPECT_TRUE(driver.cgroups.empty());
}

TEST_F(BoxesTest, StopKeepsTheFilesAndStartRunsThemAgain) {
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(loop.RunUntil(boxes->Stop(kA, seconds(5))));
  EXPECT_EQ(driver.kills, 0) << "a box that ends on request needs no SIGKILL";
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(boxes->List()[0].state, BoxState::kStopped);
  EXPECT_FALSE(data->Has("runner/boxes/" + kA.value + "/run"));
  EXPECT_TRUE(driver.cgroups.empty());
  EXPECT_FALSE(loop.RunUntil(boxes->Attach(kA)));
  const auto again = loop.RunUntil(boxes->Start(kA));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(driver.specs[0].uid_base, driver.specs[1].uid_base);
}

TEST_F(BoxesTest, StopKillsWhatDoesNotListen) {
  driver.ignore_term = true;
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(loop.RunUntil(boxes->Stop(kA, milliseconds(150))));
  EXPECT_EQ(driver.kills, 1);
}

TEST_F(BoxesTest, DeleteRemovesEverythingAndFreesTheSlot) {
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(Create(kB));
  EXPECT_NE(driver.specs[0].uid_base, driver.specs[1].uid_base);
  ASSERT_TRUE(loop.RunUntil(boxes->Delete(kA)));
  EXPECT_FALSE(data->Has("runner/boxes/" + kA.value + "/spec")) << "gone for the next runner too";
  EXPECT_EQ(loop.RunUntil(boxes->Delete(kA)).error().code(), Code::kNotFound);
  ASSERT_TRUE(Create(kA));
  EXPECT_EQ(driver.specs[0].uid_base, driver.specs[2].uid_base);
  ASSERT_TRUE(loop.RunUntil(boxes->Delete(kA)));
  Drain();
  EXPECT_FALSE(data->Has("runner/boxes/" + kA.value));
  EXPECT_FALSE(driver.cgroups.contains(kA));
}

Task<Result<void>> StopAndDelete(Boxes* boxes) {
  async::TaskGroup group;
  group.Spawn([](Boxes* b) -> Task<void> {
    const auto stopped = co_await b->Stop(kA, seconds(60));
    EXPECT_TRUE(stopped);
  }(boxes));
  co_await async::Sleep(milliseconds(20));
  auto deleted = co_await boxes->Delete(kA);
  co_await group.Join();
  co_return deleted;
}

TEST_F(BoxesTest, DeleteDoesNotWaitForTheGraceOfAStop) {
  driver.ignore_term = true;
  ASSERT_TRUE(Create(kA));
  const TimePoint start = Now();
  ASSERT_TRUE(loop.RunUntil(StopAndDelete(boxes.get())));
  EXPECT_LT(Now() - start, seconds(5));
}

Task<void> DeleteInto(Boxes* boxes, Result<void>* out) { *out = co_await boxes->Delete(kA); }

Task<std::pair<Result<void>, Result<void>>> DeleteTwiceDuringAStop(Boxes* boxes) {
  async::TaskGroup group;
  group.Spawn([](Boxes* b) -> Task<void> { (void)co_await b->Stop(kA, seconds(60)); }(boxes));
  Result<void> first = Error(Code::kInternal, "unset");
  Result<void> second = first;
  co_await async::Sleep(milliseconds(5));
  group.Spawn(DeleteInto(boxes, &first));
  group.Spawn(DeleteInto(boxes, &second));
  co_await group.Join();
  co_return std::pair(first, second);
}

TEST_F(BoxesTest, ASecondDeleteWaitsForWhatComesOfTheFirst) {
  driver.ignore_term = true;
  ASSERT_TRUE(Create(kA));
  driver.failing_kills = 3;  // that of the stop, and both
  const auto [one, two] = loop.RunUntil(DeleteTwiceDuringAStop(boxes.get()));
  EXPECT_EQ(one.error().code(), Code::kTimeout);
  ASSERT_FALSE(two) << "it is there";
  EXPECT_EQ(two.error().code(), Code::kTimeout);
  EXPECT_EQ(boxes->List().size(), 1U);
  driver.failing_kills = 2;
  const auto [failed, tried] = loop.RunUntil(DeleteTwiceDuringAStop(boxes.get()));
  EXPECT_FALSE(failed);
  EXPECT_TRUE(tried) << "it tries itself";
  EXPECT_TRUE(boxes->List().empty());
  ASSERT_TRUE(Create(kA));
  const auto [did, saw] = loop.RunUntil(DeleteTwiceDuringAStop(boxes.get()));
  EXPECT_TRUE(did);
  EXPECT_TRUE(saw);
  EXPECT_TRUE(boxes->List().empty());
}

TEST_F(BoxesTest, AServerThatLeavesNoneBehindWaitsForNoneForEver) {
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(Create(kB));
  driver.never_dies = kA;
  const TimePoint start = Now();
  loop.RunUntil(boxes->DeleteAll(Now() + milliseconds(200)));
  EXPECT_LT(Now() - start, seconds(5));
  ASSERT_EQ(boxes->List().size(), 1U) << "the other one is gone";
  EXPECT_EQ(boxes->List()[0].id, kA);
}

// A box that does not run and whose range is another server's, before one that runs.
TEST_F(BoxesTest, ABoxThatNeedsAnotherSlotDoesNotGetALaterOnes) {
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(Create(kB));
  ASSERT_TRUE(loop.RunUntil(boxes->Stop(kA, seconds(5))));
  const std::string other = *data / "other";
  std::filesystem::create_directories(other);
  auto others = UidRanges::Open(*data / "uids", other);
  ASSERT_TRUE(others);
  const auto dir = image::OpenDir(data->data().boxes(), kA.value);
  ASSERT_TRUE(dir);
  auto a = ReadSpec(dir->get());
  ASSERT_TRUE(a);
  a->slot = *others->FreeSlot({});
  ASSERT_TRUE(WriteSpec(dir->get(), *a));
  // Of our own range the lowest is free but for what the later one's record says.
  const auto dir_of_b = image::OpenDir(data->data().boxes(), kB.value);
  auto b = ReadSpec(dir_of_b->get());
  ASSERT_TRUE(b);
  b->slot = *uids->FreeSlot({});
  ASSERT_TRUE(WriteSpec(dir_of_b->get(), *b));
  Restart();
  a = ReadSpec(dir->get());
  ASSERT_TRUE(a);
  EXPECT_TRUE(uids->Keep(a->slot)) << "its own range again";
  EXPECT_NE(a->slot, b->slot);
}

TEST_F(BoxesTest, ANewRunnerAdoptsWhatRuns) {
  ASSERT_TRUE(Create(kA));
  Restart();
  EXPECT_EQ(driver.adoptions, 1);
  ASSERT_EQ(boxes->List().size(), 1u);
  EXPECT_EQ(boxes->List()[0].state, BoxState::kRunning);
  ASSERT_TRUE(loop.RunUntil(boxes->Attach(kA)));
  ASSERT_TRUE(Create(kB));
  EXPECT_NE(driver.specs[0].uid_base, driver.specs[1].uid_base);
}

TEST_F(BoxesTest, ANewRunnerFindsTheDeadStopped) {
  ASSERT_TRUE(Create(kA));
  const pid_t pid = *driver.pids.begin();
  boxes.reset();
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  driver.pids.clear();
  Restart();
  EXPECT_EQ(boxes->List()[0].state, BoxState::kStopped);
  EXPECT_TRUE(driver.cgroups.empty());
  ASSERT_TRUE(loop.RunUntil(boxes->Start(kA)));
}

TEST_F(BoxesTest, ANewRunnerRemovesWhatNobodyOwns) {
  std::filesystem::create_directories(*data / ("runner/boxes/" + kB.value));
  std::ofstream(*data / ("run/box-" + kB.value + ".sock")) << "";
  driver.cgroups.insert(kB);
  Restart();
  Drain();
  EXPECT_FALSE(data->Has("runner/boxes/" + kB.value));
  EXPECT_FALSE(data->Has("run/box-" + kB.value + ".sock"));
  EXPECT_TRUE(driver.killed_unrecorded.contains(kB));
  EXPECT_TRUE(driver.cgroups.empty());
}

TEST_F(BoxesTest, NewLimitsHoldNowAndForTheNextRunner) {
  ASSERT_TRUE(Create(kA));
  proto::runner::Limits limits;
  limits.memory_bytes = 2ull << 30;
  limits.io_weight = 300;
  const auto resized = loop.RunUntil(boxes->Resize(kA, limits));
  ASSERT_TRUE(resized) << resized.error().message();
  EXPECT_EQ(driver.resized.memory_bytes, 2ull << 30);
  driver.resized = {};
  Restart();
  EXPECT_EQ(driver.resized.io_weight, 300u) << "applied again: the last runner may have died first";
  EXPECT_EQ(boxes->List()[0].limits.memory_bytes, 2ull << 30);
  EXPECT_EQ(loop.RunUntil(boxes->Resize(kB, limits)).error().code(), Code::kNotFound);
}

TEST_F(BoxesTest, OnlyADiskThatShrinksIsSyncedAndThenMeasured) {
  ASSERT_TRUE(Create(kA));
  proto::runner::Limits limits;
  for (const uint64_t mib : {0, 500, 500, 600}) {
    limits.disk_bytes = mib << 20;
    ASSERT_TRUE(loop.RunUntil(boxes->Resize(kA, limits)));
    EXPECT_EQ(jobs->syncs, mib == 0 ? 0 : 1) << "to " << mib;
  }
  // What a sync brings to the disk counts.
  jobs->on_sync = [this] { disk->used = uint64_t{400} << 20; };
  limits.disk_bytes = uint64_t{300} << 20;
  EXPECT_EQ(loop.RunUntil(boxes->Resize(kA, limits)).error().code(), Code::kConflict);
  EXPECT_EQ(disk->limits[kA], uint64_t{600} << 20);
  limits.disk_bytes = uint64_t{400} << 20;
  EXPECT_TRUE(loop.RunUntil(boxes->Resize(kA, limits)));
  EXPECT_EQ(disk->limits[kA], uint64_t{400} << 20);
  // A new runner sets the limit that is recorded, whatever is held, and waits for no disk.
  disk->used = uint64_t{500} << 20;
  disk->limits.clear();
  jobs->syncs = 0;
  Restart();
  EXPECT_EQ(disk->limits[kA], uint64_t{400} << 20);
  EXPECT_EQ(jobs->syncs, 0);
}

TEST_F(BoxesTest, ADiskThatAPowerCutTookIsMadeAgain) {
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(loop.RunUntil(boxes->Stop(kA, milliseconds(0))));
  std::filesystem::remove_all(disk->path(kA));
  Restart();
  const auto started = loop.RunUntil(boxes->Start(kA));
  ASSERT_TRUE(started) << started.error().message();
  EXPECT_TRUE(std::filesystem::exists(disk->path(kA) + "/upper/etc/hosts"));
}

TEST_F(BoxesTest, ADiskOfNoBoxIsRemovedAndOneOfADamagedBoxIsNot) {
  ASSERT_TRUE(disk->Make(kA, 0));
  std::filesystem::create_directories(*data / ("runner/boxes/" + kB.value));
  std::ofstream(*data / ("runner/boxes/" + kB.value + "/spec")) << "damaged";
  ASSERT_TRUE(disk->Make(kB, 0));
  Restart();
  EXPECT_EQ(*disk->List(), std::vector<SandboxId>{kB});
}

TEST_F(BoxesTest, ADiskWithoutReserveRefusesBeforeAnyWork) {
  disk->facts.host_available_bytes = 1;
  const auto refused = Create(kA);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kExhausted);
  EXPECT_TRUE(driver.specs.empty());
  EXPECT_TRUE(disk->List()->empty());
}

Task<void> Told(const std::vector<proto::Room>* rooms, size_t times) {
  const TimePoint end = Now() + seconds(20);
  while (rooms->size() < times && Now() < end) co_await async::Sleep(milliseconds(1));
}

TEST_F(BoxesTest, WhatRoomThereIsIsToldWhenItHasChanged) {
  async::TaskGroup watch;
  watch.Spawn(boxes->WatchRoom());
  loop.RunUntil(Told(&rooms, 1));
  ASSERT_EQ(rooms.size(), 1u);
  EXPECT_EQ(rooms[0].host_available_bytes, 1u << 30);
  EXPECT_GT(rooms[0].boxes_by_files, 0u);
  EXPECT_GE(rooms[0].boxes_by_uids, kSlotsPerBlock);
  EXPECT_GT(rooms[0].threads_max, rooms[0].threads);
  EXPECT_TRUE(rooms[0].weighs_io);
  driver.weighs_io = false;
  disk->facts.host_available_bytes -= 64 << 20;
  loop.RunUntil(Told(&rooms, 2));
  ASSERT_EQ(rooms.size(), 2u);
  EXPECT_FALSE(rooms[1].weighs_io);
  EXPECT_EQ(rooms[1].host_available_bytes, (1u << 30) - (64u << 20));
}

Task<void> Told(const std::vector<proto::runner::BoxOom>* ooms) {
  const TimePoint end = Now() + seconds(20);
  while (ooms->empty() && Now() < end) co_await async::Sleep(milliseconds(1));
}

TEST_F(BoxesTest, AWorkloadWhoseSocketsHoldTooMuchEndsAndThatIsTold) {
  ASSERT_TRUE(Create(kA));
  driver.socket_buffers = 512 << 20;
  {
    async::TaskGroup watch;
    watch.Spawn(boxes->WatchSockets());
    loop.RunUntil(Pass());
  }
  EXPECT_TRUE(driver.workloads_killed.empty()) << "it has memory for them";

  driver.beyond_memory = 1;
  ASSERT_TRUE(loop.RunUntil(boxes->Pause(kA)));
  {
    async::TaskGroup watch;
    watch.Spawn(boxes->WatchSockets());
    loop.RunUntil(Pass());
  }
  EXPECT_TRUE(driver.workloads_killed.empty()) << "what stands still would not end";

  ASSERT_TRUE(loop.RunUntil(boxes->Resume(kA)));
  async::TaskGroup watch;
  watch.Spawn(boxes->WatchSockets());
  loop.RunUntil(Told(&ooms));
  EXPECT_EQ(driver.workloads_killed, std::set<SandboxId>{kA});
  ASSERT_EQ(ooms.size(), 1u);
  EXPECT_EQ(ooms[0].kills, 1u);
  EXPECT_EQ(boxes->List()[0].oom_kills, 1u);
  EXPECT_EQ(boxes->List()[0].state, proto::runner::BoxState::kRunning);
}

class UnacceptedTest : public BoxesTest, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(WhereSocketsAreApartAndNot, UnacceptedTest, ::testing::Bool());

TEST_P(UnacceptedTest, CountsAsMemoryOfItsBox) {
  driver.sockets_apart = GetParam();
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(Create(kB));
  driver.unaccepted = {{kA, {.queued = 9, .open = 9, .bytes = driver.kMemory + 1}},
                       {kB, {.queued = 9, .open = 9, .bytes = driver.kMemory / 2}}};
  {
    async::TaskGroup watch;
    watch.Spawn(boxes->WatchUnaccepted());
    loop.RunUntil(Pass());
  }
  EXPECT_TRUE(driver.workloads_killed.empty()) << "the machine's sockets hold next to nothing";
  uncounted_buffers = driver.kMemory * 3 / 2;
  async::TaskGroup watch;
  watch.Spawn(boxes->WatchUnaccepted());
  loop.RunUntil(Told(&ooms));
  loop.RunUntil(Pass());
  EXPECT_EQ(driver.workloads_killed, std::set<SandboxId>{kA});
}

TEST_F(BoxesTest, WhatTheKernelDoesNotTellOfIsSharedByThoseWhoHaveIt) {
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(Create(kB));
  // 4 GiB that nobody has, and connections that were reset before they were accepted.
  uncounted_buffers = 4ull << 30;
  driver.unaccepted = {{kA, {.queued = 20'000, .open = 10, .bytes = 1 << 20}},
                       {kB, {.queued = 500, .open = 20, .bytes = 1 << 20}}};
  async::TaskGroup watch;
  watch.Spawn(boxes->WatchUnaccepted());
  loop.RunUntil(Told(&ooms));
  loop.RunUntil(Pass());
  EXPECT_EQ(driver.workloads_killed, std::set<SandboxId>{kA});
}

TEST_F(BoxesTest, WhereTheMachineHasNothingLeftTheOneWithThousandsOfFilesEnds) {
  ASSERT_TRUE(Create(kA));
  ASSERT_TRUE(Create(kB));
  auto watched = [this, times = size_t{0}]() mutable {
    async::TaskGroup watch;
    watch.Spawn(boxes->WatchRoom());
    loop.RunUntil(Told(&rooms, ++times));
    disk->facts.host_available_bytes -= 64 << 20;
  };
  driver.files = {{kA, 1000}, {kB, 1100}};
  watched();
  EXPECT_TRUE(driver.workloads_killed.empty()) << "there is enough of all";
  machine.memory_available = machine.memory / 32 - 1;
  watched();
  EXPECT_EQ(driver.workloads_killed, std::set<SandboxId>{kB});
  ASSERT_EQ(ooms.size(), 1u);
  EXPECT_EQ(ooms[0].id, kB);

  machine.memory_available = machine.memory;
  driver.files = {{kA, 1600}, {kB, 20}};
  watched();
  EXPECT_FALSE(driver.workloads_killed.contains(kA));
  machine.terminals_available = machine.terminals / 4 - 1;
  watched();
  EXPECT_TRUE(driver.workloads_killed.contains(kA));
}

TEST_F(BoxesTest, LimitsThatCannotHoldChangeNothing) {
  ASSERT_TRUE(Create(kA));
  const uint64_t before = boxes->List()[0].limits.memory_bytes;
  driver.memory_held = 512ull << 20;
  proto::runner::Limits limits;
  limits.memory_bytes = 64ull << 20;
  EXPECT_EQ(loop.RunUntil(boxes->Resize(kA, limits)).error().code(), Code::kConflict);
  EXPECT_EQ(driver.resized.memory_bytes, before);
  Restart();
  EXPECT_EQ(boxes->List()[0].limits.memory_bytes, before);
}

TEST_F(BoxesTest, AnImageInUseStays) {
  const ImageId base = data->MakeImage('b');
  const ImageId top = data->MakeImage('c', {base});
  ASSERT_TRUE(Create(kA));
  EXPECT_EQ(boxes->DeleteImage(image).error().code(), Code::kConflict);
  EXPECT_EQ(boxes->DeleteImage(base).error().code(), Code::kConflict);
  ASSERT_TRUE(boxes->DeleteImage(top));
  ASSERT_TRUE(boxes->DeleteImage(base));
  EXPECT_EQ(boxes->DeleteImage(base).error().code(), Code::kNotFound);
  ASSERT_TRUE(loop.RunUntil(boxes->Delete(kA)));
  EXPECT_TRUE(boxes->DeleteImage(image));
}

}  // namespace
}  // namespace cove::runner
