// Goal: the front is replaced when it dies, and workers do their jobs as processes of their own.
// Method: this very test program started again: as a fake front, or as the real worker.
#include <sys/resource.h>

#include "image/dir.h"
#include "image/job.h"
#include "runner/front_process.h"
#include "runner/testing.h"

namespace cove::runner {
namespace {

using proto::runner::Type;

// Says ready, then waits until it is told to end (or its channel breaks). A deaf one never reads
// again, and does not end when it is asked to.
int FakeFront(std::string_view kind) {
  async::Loop loop;
  proto::Channel channel((UniqueFd(3)));
  const auto hello = loop.RunUntil(channel.Receive());
  if (!hello || hello->fds.size() != 1 || geteuid() != kFrontUid) return 1;
  if (!loop.RunUntil(channel.Send(Type::kFrontReady))) return 1;
  if (kind == "deaf") {
    signal(SIGTERM, SIG_IGN);
    for (;;) pause();
  }
  const auto next = loop.RunUntil(channel.Receive());
  return next ? 1 : 0;
}

// Runs before main(): the child is this program with another verb.
__attribute__((constructor)) void MaybeChild(int argc, char** argv, char**) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "front" && argc == 3) _exit(FakeFront(argv[2]));
  if (verb == "worker") _exit(image::RunWorker(UniqueFd(image::kWorkerChannelFd)));
}

class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override { NEEDS_ROOT(); }
  async::Loop loop;
};

Task<void> RunInto(FrontProcess* front, Result<void>* out) { *out = co_await front->Run(); }

Task<bool> Until(std::function<bool()> holds) {
  const TimePoint until = Now() + seconds(20);
  while (!holds() && Now() < until) co_await async::Sleep(milliseconds(2));
  co_return holds();
}

class FrontProcessTest : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    auto opened = net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0));
    ASSERT_TRUE(opened);
    listener = *std::move(opened);
  }
  FrontProcess::Settings SettingsFor(const std::string& kind) {
    FrontProcess::Settings settings;
    settings.args = {"front", kind};
    settings.env = {"PATH=/usr/bin:/bin"};
    settings.listener = listener.get();
    settings.uid = kFrontUid;
    settings.on_frame = [](std::shared_ptr<FrontLink>, proto::Frame) { return Ok(); };
    settings.on_ready = [this] { ++ready; };
    return settings;
  }
  UniqueFd listener;
  int ready = 0;
};

// What comes of a front while `steps` are done to it, and of its end.
Task<Result<void>> During(FrontProcess* front, Task<void> steps) {
  async::TaskGroup group;
  Result<void> ended = Error(Code::kInternal, "unset");
  group.Spawn(RunInto(front, &ended));
  co_await std::move(steps);
  front->Stop();
  co_await group.Join();
  co_return ended;
}

Task<void> KillOnce(FrontProcess* front, int* ready) {
  co_await Until([&] { return *ready == 1; });
  kill(front->pid(), SIGKILL);
  co_await Until([&] { return *ready == 2; });
}

TEST_F(FrontProcessTest, AFrontThatDiesIsReplaced) {
  FrontProcess front(SettingsFor("plain"));
  const auto ended = loop.RunUntil(During(&front, KillOnce(&front, &ready)));
  EXPECT_TRUE(ended) << ended.error().message();
  EXPECT_EQ(ready, 2);
}

// Without a free descriptor none can be started.
Task<void> KillWhileNoneCanStart(FrontProcess* front, int* ready) {
  co_await Until([&] { return *ready == 1; });
  rlimit before{};
  EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  kill(front->pid(), SIGKILL);
  EXPECT_TRUE(co_await Until([&] { return front->failed_starts() > 1; }));
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  co_await Until([&] { return *ready == 2; });
}

TEST_F(FrontProcessTest, AStartThatFailsForAMomentIsTriedAgain) {
  FrontProcess front(SettingsFor("plain"));
  const auto ended = loop.RunUntil(During(&front, KillWhileNoneCanStart(&front, &ready)));
  EXPECT_TRUE(ended) << ended.error().message();
  EXPECT_EQ(ready, 2);
}

Task<void> SendUntilReplaced(FrontProcess* front, int* ready) {
  co_await Until([&] { return *ready == 1; });
  const pid_t first = front->pid();
  proto::runner::Progress line;
  line.text.assign(1 << 20, 'x');
  for (int i = 0; i < 100; ++i) front->SendEvent(Type::kProgress, line);
  co_await Until([&] { return *ready == 2; });
  EXPECT_NE(front->pid(), first);
}

TEST_F(FrontProcessTest, AFrontThatDoesNotReadIsReplacedAndOneThatDoesNotEndIsKilled) {
  auto settings = SettingsFor("deaf");
  settings.stop_wait = milliseconds(20);
  FrontProcess front(std::move(settings));
  const auto ended = loop.RunUntil(During(&front, SendUntilReplaced(&front, &ready)));
  EXPECT_TRUE(ended) << ended.error().message();
  EXPECT_EQ(ready, 2);
}

TEST_F(ProcessTest, AWorkerSnapshotsWithoutItsRootAndPrivileges) {
  const testing::TempData data;
  Jobs jobs(data.data());
  std::filesystem::create_directories(data / "runner/boxes/upper/home");
  std::ofstream(data / "runner/boxes/upper/home/f") << "kept";
  auto upper = image::OpenDir(data.data().boxes(), "upper");
  ASSERT_TRUE(upper);
  const auto info = loop.RunUntil(jobs.Snapshot(*std::move(upper), {}, {}));
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_TRUE(data.Has("runner/images/" + info->id.value + "/root/home/f"));
}

Task<void> WaitGone(const testing::TempData* data, std::string name) {
  const TimePoint until = Now() + seconds(20);
  while (data->Has(name) && Now() < until) co_await async::Sleep(milliseconds(10));
}

TEST_F(ProcessTest, AWorkerEmptiesTheTrash) {
  const testing::TempData data;
  Jobs jobs(data.data());
  std::filesystem::create_directories(data / "runner/trash/box-1/a/b");
  jobs.EmptyTrash();
  loop.RunUntil(WaitGone(&data, "runner/trash/box-1"));
  EXPECT_FALSE(data.Has("runner/trash/box-1"));
}

}  // namespace
}  // namespace cove::runner
