// Goal: whoever reads from a peer that never pauses does not keep the loop from others, and what a
// peer sent can be waited for without taking it. Method: two ends of a socket pair, one full.
#include "net/socket.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace cove::net
