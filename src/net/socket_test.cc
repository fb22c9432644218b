// Goal: whoever reads from a peer that never pauses does not keep the loop from others, and what a
// peer sent can be waited for without taking it. Method: two ends of a socket pair, one full.
#include "net/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "async/deadline.h"
#include "async/task_group.h"

namespace cove::net {
namespace {

Task<void> ReadAll(SocketStream* stream, size_t bytes, async::Event* done) {
  char one = 0;
  for (size_t i = 0; i < bytes; ++i) {
    const auto n = co_await stream->Read({&one, 1});
    if (!n || *n == 0) break;
  }
  done->Set();
}

Task<void> CountTurns(size_t* turns) {
  for (;;) {
    ++*turns;
    co_await async::Yield();
  }
}

Task<size_t> TurnsOfAnother(SocketStream* stream, size_t bytes) {
  size_t turns = 0;
  async::Event done;
  async::TaskGroup group;
  group.Spawn(CountTurns(&turns));
  group.Spawn(ReadAll(stream, bytes, &done));
  co_await done.Wait();
  co_return turns;
}

TEST(SocketStreamTest, AReaderOfWhatNeverEndsGivesOthersTheirTurn) {
  async::Loop loop;
  auto pair = *StreamPair();
  SocketStream writer(std::move(pair.first));
  SocketStream reader(std::move(pair.second));
  constexpr size_t kBytes = 10'000;
  ASSERT_TRUE(loop.RunUntil(writer.Write(std::string(kBytes, 'x'))));
  EXPECT_GT(loop.RunUntil(TurnsOfAnother(&reader, kBytes)), 100u);
}

Task<void> Wait(SocketStream* stream, std::vector<Result<bool>>* seen) {
  for (int i = 0; i < 2; ++i) seen->push_back(co_await stream->AwaitBytes());
}

TEST(SocketStreamTest, WhatCameCanBeWaitedForAndStays) {
  async::Loop loop;
  auto pair = *StreamPair();
  SocketStream writer(std::move(pair.first));
  SocketStream reader(std::move(pair.second));
  ASSERT_TRUE(loop.RunUntil(writer.Write("ab")));
  std::vector<Result<bool>> seen;
  loop.RunUntil(Wait(&reader, &seen));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen[0] && *seen[0] && seen[1] && *seen[1]);
  std::string two(2, ' ');
  ASSERT_TRUE(loop.RunUntil(ReadExactly(reader, two)));
  EXPECT_EQ(two, "ab");
  ASSERT_TRUE(loop.RunUntil(writer.CloseWrite()));
  loop.RunUntil(Wait(&reader, &seen));
  EXPECT_TRUE(seen[2] && !*seen[2]);
  reader.set_read_timeout(std::chrono::milliseconds(1));
  SocketStream& silent = writer;
  silent.set_read_timeout(std::chrono::milliseconds(1));
  seen.clear();
  loop.RunUntil(Wait(&silent, &seen));
  ASSERT_FALSE(seen[0]);
  EXPECT_EQ(seen[0].error().code(), Code::kTimeout);
}

// A listening socket of which somebody else has a copy, with one connection that waits.
struct Shared {
  Shared() {
    UniqueFd fd = *ListenTcp(*SocketAddress::FromIp("127.0.0.1", 0));
    address = *LocalAddress(fd.get());
    copy = UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    listener.emplace(std::move(fd), Sharers::kStrangers);
    first = loop.RunUntil(Connect(address, kNever));
  }
  void MakeBlocking() const {
    EXPECT_EQ(fcntl(copy.get(), F_SETFL, fcntl(copy.get(), F_GETFL) & ~O_NONBLOCK), 0);
  }
  // Were it to block, a connection would end that.
  std::jthread Rescue(std::atomic<bool>* done, std::atomic<bool>* rescued) const {
    return std::jthread([this, done, rescued](const std::stop_token& stop) {
      const TimePoint until = Now() + std::chrono::seconds(5);
      while (!stop.stop_requested() && Now() < until) usleep(10'000);
      *rescued = !*done;
      const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      (void)connect(fd.get(), address.get(), address.size);
    });
  }
  async::Loop loop;
  SocketAddress address;
  UniqueFd copy;
  std::optional<Listener> listener;
  Result<std::unique_ptr<SocketStream>> first = Error(Code::kInternal, "unset");
};

Task<Result<UniqueFd>> AcceptFor(Listener* listener, Duration time) {
  co_return co_await async::WithDeadline(listener->Accept(), Now() + time, "accept");
}

TEST(ListenerTest, AConnectionThatAStrangerTookDoesNotStopTheLoop) {
  Shared shared;
  ASSERT_TRUE(shared.first);
  shared.MakeBlocking();
  const UniqueFd taken(accept4(shared.copy.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(taken);
  std::atomic<bool> done = false;
  std::atomic<bool> rescued = false;
  auto rescue = shared.Rescue(&done, &rescued);
  const auto got =
      shared.loop.RunUntil(AcceptFor(&*shared.listener, std::chrono::milliseconds(20)));
  done = true;
  rescue.request_stop();
  rescue.join();
  EXPECT_FALSE(rescued);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::kTimeout);
}

TEST(ListenerTest, OneThatAStrangerMadeBlockingIsBroken) {
  Shared shared;
  ASSERT_TRUE(shared.first);
  const auto got = shared.loop.RunUntil(AcceptFor(&*shared.listener, std::chrono::seconds(5)));
  EXPECT_TRUE(got) << "as long as nobody does";
  ASSERT_TRUE(shared.loop.RunUntil(Connect(shared.address, kNever)));
  shared.MakeBlocking();
  const auto broken = shared.loop.RunUntil(AcceptFor(&*shared.listener, std::chrono::seconds(5)));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace cove::net
