// Goal: the promises that all other rooms lean on: order, deadlines, and that a dropped task
// leaves nothing armed. Method: small coroutines on a loop of the test's own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "async/deadline.h"
#include "async/fd_watch.h"
#include "async/offload.h"

namespace cove::async {
namespace {

using namespace std::chrono_literals;

Task<int> Add(int a, int b) {
  co_await Yield();
  co_return a + b;
}

TEST(TaskTest, ReturnsValueThroughNestedAwaits) {
  Loop loop;
  EXPECT_EQ(loop.RunUntil(Add(2, 3)), 5);
}

Task<Result<int>> Slow(bool* destroyed) {
  struct Mark {
    bool* flag;
    ~Mark() { *flag = true; }
  } mark{destroyed};
  co_await Sleep(10s);
  co_return 1;
}

TEST(DeadlineTest, DestroysTheTaskThatIsLate) {
  Loop loop;
  bool destroyed = false;
  auto result = loop.RunUntil(WithDeadline(Slow(&destroyed), Now() + 5ms, "slow"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kTimeout);
  EXPECT_TRUE(destroyed);
}

TEST(DeadlineTest, GivesTheResultOfATaskInTime) {
  Loop loop;
  auto quick = []() -> Task<Result<int>> { co_return 7; };
  auto result = loop.RunUntil(WithDeadline(quick(), Now() + 5s, "quick"));
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 7);
}

// A stall in which the result comes, and which ends after the deadline.
Task<Result<int>> JustInTime(TimePoint deadline) {
  co_await Sleep(1ms);
  while (Now() <= deadline) {
  }
  co_return 7;
}

TEST(DeadlineTest, WhatIsDoneWhenTheDeadlineIsSeenIsNotLate) {
  Loop loop;
  const TimePoint deadline = Now() + 5ms;
  auto result = loop.RunUntil(WithDeadline(JustInTime(deadline), deadline, "it"));
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 7);
}

Task<void> Count(int* n) {
  co_await Sleep(1ms);
  ++*n;
}

Task<void> JoinGroup(int* n) {
  TaskGroup group;
  for (int i = 0; i < 100; ++i) group.Spawn(Count(n));
  co_await group.Join();
}

TEST(TaskGroupTest, JoinWaitsForAll) {
  Loop loop;
  int n = 0;
  loop.RunUntil(JoinGroup(&n));
  EXPECT_EQ(n, 100);
}

Task<void> DropGroup(int* n) {
  {
    TaskGroup group;
    for (int i = 0; i < 10; ++i) group.Spawn(Count(n));
    co_await Yield();
  }
  co_await Sleep(5ms);
}

TEST(TaskGroupTest, DestructionCancelsAll) {
  Loop loop;
  int n = 0;
  loop.RunUntil(DropGroup(&n));
  EXPECT_EQ(n, 0);
}

Task<std::string> ReadOnce(int fd) {
  FdWatch watch(fd);
  char buffer[16];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n >= 0) co_return std::string(buffer, static_cast<size_t>(n));
    if (!co_await watch.Readable(Now() + 2s)) co_return "timeout";
  }
}

Task<void> WriteLater(int fd) {
  co_await Sleep(2ms);
  (void)!write(fd, "hi", 2);
}

Task<std::string> Exchange(int a, int b) {
  TaskGroup group;
  group.Spawn(WriteLater(b));
  auto text = co_await ReadOnce(a);
  co_return text;
}

TEST(FdWatchTest, WakesTheReader) {
  Loop loop;
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  const UniqueFd a(fds[0]);
  const UniqueFd b(fds[1]);
  EXPECT_EQ(loop.RunUntil(Exchange(a.get(), b.get())), "hi");
}

Task<bool> WaitPast(int fd) {
  FdWatch watch(fd);
  co_return co_await watch.Readable(Now() + 3ms);
}

TEST(FdWatchTest, TellsThatTheDeadlinePassed) {
  Loop loop;
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  const UniqueFd a(fds[0]);
  const UniqueFd b(fds[1]);
  EXPECT_FALSE(loop.RunUntil(WaitPast(a.get())));
}

TEST(OffloadTest, ResumesOnTheLoopWithTheValue) {
  Loop loop;
  ThreadPool pool(2);
  EXPECT_EQ(loop.RunUntil(Offload(pool, [] { return 42; })), 42);
}

Task<int> PopTwo(Queue<int>* q) {
  const int a = co_await q->Pop();
  const int b = co_await q->Pop();
  co_return a * 10 + b;
}

TEST(QueueTest, KeepsOrder) {
  Loop loop;
  Queue<int> q;
  q.Push(1);
  loop.Post([&q] { q.Push(2); });
  EXPECT_EQ(loop.RunUntil(PopTwo(&q)), 12);
}

}  // namespace
}  // namespace cove::async
