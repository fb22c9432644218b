// Goal: the front is replaced when it dies, and workers do their jobs as processes of their own.
// Method: this very test program started again: as a fake front, or as the real worker.
#include "image/dir.h"
#include "image/job.h"
#include "runner/front_process.h"
#include "runner/testing.h"

namespace cove::runner {
namespace {

using proto::runner::Type;

// Says ready, then waits until it is told to end (or its channel breaks).
int FakeFront() {
  async::Loop loop;
  proto::Channel channel((UniqueFd(3)));
  const auto hello = loop.RunUntil(channel.Receive());
  if (!hello || hello->fds.size() != 1 || geteuid() != kFrontUid) return 1;
  if (!loop.RunUntil(channel.Send(Type::kFrontReady))) return 1;
  const auto next = loop.RunUntil(channel.Receive());
  return next ? 1 : 0;
}

// Runs before main(): the child is this program with another verb.
__attribute__((constructor)) void MaybeChild(int argc, char** argv, char**) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "front" && argc == 2) _exit(FakeFront());
  if (verb == "worker") _exit(image::RunWorker(UniqueFd(image::kWorkerChannelFd)));
}

class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override { NEEDS_ROOT(); }
  async::Loop loop;
};

Task<Result<void>> KillAndCount(FrontProcess* front, int* ready) {
  async::TaskGroup group;
  Result<void> ended = Error(Code::kInternal, "unset");
  group.Spawn([](FrontProcess* f, Result<void>* out) -> Task<void> { *out = co_await f->Run(); }(
                                                         front, &ended));
  const TimePoint until = Now() + seconds(20);
  while (*ready < 1 && Now() < until) co_await async::Sleep(milliseconds(5));
  kill(front->pid(), SIGKILL);
  while (*ready < 2 && Now() < until) co_await async::Sleep(milliseconds(5));
  front->Stop();
  co_await group.Join();
  co_return ended;
}

TEST_F(ProcessTest, AFrontThatDiesIsReplaced) {
  auto listener = net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0));
  ASSERT_TRUE(listener);
  int ready = 0;
  FrontProcess::Settings settings;
  settings.args = {"front"};
  settings.env = {"PATH=/usr/bin:/bin"};
  settings.listener = listener->get();
  settings.uid = kFrontUid;
  settings.on_frame = [](std::shared_ptr<FrontLink>, proto::Frame) { return Ok(); };
  settings.on_ready = [&] { ++ready; };
  FrontProcess front(std::move(settings));
  const auto ended = loop.RunUntil(KillAndCount(&front, &ready));
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
