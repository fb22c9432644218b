// Goal: requests find their replies whatever the order, and none hangs when the runner dies.
// Method: a scripted runner at the other end of a socket pair.
#include "proto/runner_client.h"

#include <gtest/gtest.h>

#include "async/deadline.h"

namespace cove::proto {
namespace {

using runner::Type;

struct Rig {
  Rig() {
    auto pair = net::StreamPair();
    runner.emplace(std::move(pair->first));
    client.emplace(std::move(pair->second));
  }
  async::Loop loop;
  std::optional<Channel> runner;
  std::optional<RunnerClient> client;
};

Task<Result<uint64_t>> NextRequest(Channel* channel, Type want) {
  CO_ASSIGN_OR_RETURN(const Frame frame, co_await channel->Receive());
  EXPECT_EQ(frame.type, static_cast<uint16_t>(want));
  CO_ASSIGN_OR_RETURN(const auto request, Decode<runner::Request>(frame.body));
  co_return request.number;
}

Task<void> ListInto(RunnerClient* client, Result<std::vector<runner::BoxInfo>>* out) {
  *out = co_await client->ListBoxes();
}
Task<void> DeleteInto(RunnerClient* client, Result<void>* out) {
  *out = co_await client->DeleteBox(SandboxId("x"));
}

Task<Result<void>> AnswerInReverse(Rig* rig) {
  Result<std::vector<runner::BoxInfo>> list = Error(Code::kInternal, "unset");
  Result<void> deleted = Ok();
  std::vector<uint64_t> rooms;
  rig->client->set_on_room([&rooms](const Room& room) { rooms.push_back(room.threads); });
  async::TaskGroup group;
  group.Spawn(ListInto(&*rig->client, &list));
  group.Spawn(DeleteInto(&*rig->client, &deleted));
  CO_ASSIGN_OR_RETURN(const uint64_t first, co_await NextRequest(&*rig->runner, Type::kBoxList));
  CO_ASSIGN_OR_RETURN(const uint64_t second, co_await NextRequest(&*rig->runner, Type::kBoxDelete));
  runner::Reply no;
  no.number = second;
  no.ok = false;
  no.code = static_cast<uint8_t>(Code::kNotFound);
  no.message = "no such box";
  CO_RETURN_IF_ERROR(co_await rig->runner->Send(Type::kReply, no));
  runner::BoxList boxes;
  boxes.boxes.resize(3);
  boxes.room.threads = 5;
  runner::Reply yes;
  yes.number = first;
  yes.body = Encode(boxes);
  CO_RETURN_IF_ERROR(co_await rig->runner->Send(Type::kReply, yes));
  co_await group.Join();
  rig->client->set_on_room({});
  EXPECT_TRUE(list);
  if (list) EXPECT_EQ(list->size(), 3u);
  EXPECT_EQ(rooms, std::vector<uint64_t>{5});
  EXPECT_FALSE(deleted);
  if (!deleted) EXPECT_EQ(deleted.error().code(), Code::kNotFound);
  co_return Ok();
}

TEST(RunnerClientTest, RepliesFindTheirRequestsInAnyOrder) {
  Rig rig;
  const auto done = rig.loop.RunUntil(AnswerInReverse(&rig));
  EXPECT_TRUE(done) << done.error().message();
}

Task<Result<void>> TellRoom(Rig* rig) {
  async::Event told;
  uint64_t threads = 0;
  rig->client->set_on_room([&told, &threads](const Room& room) {
    threads = room.threads;
    told.Set();
  });
  Room room;
  room.threads = 77;
  CO_RETURN_IF_ERROR(co_await rig->runner->Send(Type::kRoom, room));
  EXPECT_TRUE(co_await told.Wait(Now() + seconds(20)));
  EXPECT_EQ(threads, 77u);
  rig->client->set_on_room({});
  co_return Ok();
}

TEST(RunnerClientTest, ChangesOfRoomAreHeard) {
  Rig rig;
  const auto done = rig.loop.RunUntil(TellRoom(&rig));
  EXPECT_TRUE(done) << done.error().message();
}

Task<Result<void>> HangUp(Rig* rig) {
  Result<void> deleted = Ok();
  async::TaskGroup group;
  group.Spawn(DeleteInto(&*rig->client, &deleted));
  CO_RETURN_IF_ERROR(co_await NextRequest(&*rig->runner, Type::kBoxDelete));
  rig->runner.reset();
  co_await group.Join();
  EXPECT_FALSE(deleted);
  if (!deleted) EXPECT_EQ(deleted.error().code(), Code::kUnavailable);
  co_await rig->client->WaitClosed();
  const auto late = co_await rig->client->ListBoxes();
  EXPECT_FALSE(late);
  co_return Ok();
}

TEST(RunnerClientTest, EveryRequestEndsWhenTheRunnerDies) {
  Rig rig;
  const auto done = rig.loop.RunUntil(HangUp(&rig));
  EXPECT_TRUE(done) << done.error().message();
}

}  // namespace
}  // namespace cove::proto
