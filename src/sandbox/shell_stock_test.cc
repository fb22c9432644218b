// Goal: the stock of shells is bounded, refilled, hands out only living ones and dies with its
// maker. Method: real shells; needs root.
#include "sandbox/shell_stock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "async/loop.h"
#include "base/testing.h"
#include "proto/boot.h"
#include "sandbox/rules.h"
#include "sys/process.h"
#include "sys/small_file.h"

namespace cove::sandbox {
namespace {

class ShellStockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_ROOT();
    auto toolbox = sys::SealedExecutable("/proc/self/exe");
    auto slot = sys::Open("/dev/null", O_RDWR);
    ASSERT_TRUE(toolbox && slot);
    kit_.toolbox = *std::move(toolbox);
    kit_.control_slot = *std::move(slot);
    kit_.routes = sys::LoopbackOnlyNetwork(proto::boot::kAddress4, proto::boot::kAddress6);
    kit_.rules = BoxRules();
  }
  // Runs the loop until so many wait, or for five seconds.
  void Await(const ShellStock& stock, size_t count) {
    loop_.RunUntil([](const ShellStock* s, size_t n) -> async::Task<void> {
      const TimePoint end = Now() + seconds(5);
      while (s->waiting() != n && Now() < end) co_await async::Sleep(milliseconds(1));
    }(&stock, count));
    EXPECT_EQ(stock.waiting(), count);
  }
  void RunLoop(milliseconds time) {
    loop_.RunUntil([](milliseconds t) -> async::Task<void> { co_await async::Sleep(t); }(time));
  }
  async::Loop loop_;
  LaunchKit kit_;
};

TEST_F(ShellStockTest, IsFilledToItsSizeAndNotBeyond) {
  ShellStock stock(kit_, 3);
  Await(stock, 3);
  RunLoop(milliseconds(30));
  EXPECT_EQ(stock.waiting(), 3u);
  auto taken = stock.Take();
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(stock.waiting(), 2u);
  Await(stock, 3);
}

TEST_F(ShellStockTest, RestsWhileABoxStarts) {
  ShellStock stock(kit_, 2);
  Await(stock, 2);
  {
    const ShellStock::Start start(stock);
    ASSERT_TRUE(stock.Take());
    RunLoop(milliseconds(30));
    EXPECT_EQ(stock.waiting(), 1u);
  }
  Await(stock, 2);
}

TEST_F(ShellStockTest, AnEmptyStockMakesOneOnTheSpot) {
  ShellStock stock(kit_, 0);
  auto shell = stock.Take();
  ASSERT_TRUE(shell) << shell.error().message();
  EXPECT_TRUE(shell->Waits());
}

TEST_F(ShellStockTest, ADeadShellIsThrownAway) {
  ShellStock stock(kit_, 1);
  Await(stock, 1);
  auto first = stock.Take();
  ASSERT_TRUE(first);
  kill(first->pid(), SIGKILL);
  pollfd ended{first->control(), POLLIN, 0};
  ASSERT_EQ(poll(&ended, 1, 5000), 1);
  EXPECT_FALSE(first->Waits());
  EXPECT_EQ(first->LastWords(), "it was killed");

  Await(stock, 1);
  // Every child of ours is the one that waits now, or the dead one.
  const std::string children =
      *sys::ReadFile("/proc/self/task/" + std::to_string(getpid()) + "/children");
  for (size_t at = 0; at < children.size(); at = children.find(' ', at) + 1) {
    kill(std::atoi(children.c_str() + at), SIGKILL);
  }
  auto second = stock.Take();
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_TRUE(second->Waits());
}

TEST_F(ShellStockTest, AShellThatDoesNotReadHoldsUpNobody) {
  auto shell = Shell::Make(kit_);
  ASSERT_TRUE(shell) << shell.error().message();
  kill(shell->pid(), SIGSTOP);
  const std::string order(4096, 'x');
  const TimePoint deadline = Now() + milliseconds(300);
  Result<void> sent = Ok();
  int turns = 0;
  for (int i = 0; sent && i < 1000; ++i) {
    auto done = loop_.RunUntil(shell->Send({order.data(), order.size()}, {0}, deadline));
    sent = std::move(done);
    ++turns;
  }
  ASSERT_FALSE(sent) << "the socket takes more than " << turns << " orders";
  EXPECT_EQ(sent.error().code(), Code::kTimeout);
}

// Shells that held copies of each other's control sockets would keep each other alive.
TEST_F(ShellStockTest, ShellsEndWithTheProcessThatMadeThem) {
  int pids[2];
  ASSERT_EQ(pipe2(pids, O_CLOEXEC), 0);
  const UniqueFd in(pids[0]);
  UniqueFd out(pids[1]);
  const pid_t maker = fork();
  if (maker == 0) {
    auto a = Shell::Make(kit_);
    auto b = Shell::Make(kit_);
    const pid_t made[2] = {a ? a->pid() : 0, b ? b->pid() : 0};
    (void)!write(out.get(), made, sizeof made);
    while (true) pause();
  }
  out.Reset();
  pid_t made[2] = {};
  ASSERT_EQ(read(in.get(), made, sizeof made), static_cast<ssize_t>(sizeof made));
  UniqueFd watched[2];
  for (int i = 0; i < 2; ++i) {
    ASSERT_GT(made[i], 0);
    auto pidfd = sys::PidfdOpen(made[i]);
    ASSERT_TRUE(pidfd);
    watched[i] = *std::move(pidfd);
  }
  kill(maker, SIGKILL);
  waitpid(maker, nullptr, 0);
  for (const UniqueFd& shell : watched) {
    pollfd ended{shell.get(), POLLIN, 0};
    EXPECT_EQ(poll(&ended, 1, 5000), 1) << "a shell outlived its maker";
  }
}

}  // namespace
}  // namespace cove::sandbox
