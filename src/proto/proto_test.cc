// Goal: both ends agree, and a lying peer is refused. Method: round trips, and every truncation.
#include <gtest/gtest.h>

#include "proto/runner.h"
#include "proto/testing.h"
#include "proto/toolbox.h"

namespace cove::proto {
namespace {

toolbox::ExecRequest Sample() {
  toolbox::ExecRequest r;
  r.command = "echo hi";
  r.argv = {"a", "", "c"};
  r.env = {{"K", "V"}};
  r.timeout_ms = 70000;
  r.pty = true;
  r.window = {132, 50};
  return r;
}

TEST(WireTest, RoundTripKeepsEveryField) {
  const auto back = Decode<toolbox::ExecRequest>(Encode(Sample()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->argv.size(), 3u);
  EXPECT_EQ(back->env[0].second, "V");
  EXPECT_EQ(back->timeout_ms, 70000u);
  EXPECT_EQ(back->window.cols, 132);
}

TEST(WireTest, RefusesEveryTruncationAndEveryTail) {
  const std::string whole = Encode(Sample());
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(Decode<toolbox::ExecRequest>(std::string_view(whole).substr(0, n))) << n;
  }
  EXPECT_FALSE(Decode<toolbox::ExecRequest>(whole + "x"));
}

// A sandbox that was started by an older Cove has its toolbox until it is stopped.
TEST(WireTest, WhatWasAddedLaterMayBeMissingAndNothingElse) {
  toolbox::ExitStatus status;
  status.code = 3;
  status.oom_kills = 2;
  const std::string whole = Encode(status);
  const size_t added = 8 + 8 + 4;  // two numbers and an empty text
  const auto older = Decode<toolbox::ExitStatus>(whole.substr(0, whole.size() - added));
  ASSERT_TRUE(older);
  EXPECT_EQ(older->code, 3);
  EXPECT_EQ(older->oom_kills, 2U);
  EXPECT_EQ(older->oom_own, 0U);
  EXPECT_FALSE(Decode<toolbox::ExitStatus>(whole.substr(0, whole.size() - added - 1)));
  EXPECT_FALSE(Decode<toolbox::ExitStatus>(whole.substr(0, whole.size() - 1)));
  EXPECT_FALSE(Decode<toolbox::ExitStatus>(whole + "x"));
}

TEST(WireTest, AListOfAnOlderToolboxIsRead) {
  toolbox::CommandInfo c1{"c1", "make", true, 137, toolbox::ExitReason::kOom, 2};
  c1.oom_own = 1;  // which the older one did not know
  const toolbox::SessionList listed{
      {{"one", {c1, {"c2"}}}, {"empty", {}}, {"two", {{"c3", "true"}}}}};
  const std::string body = Encode(testing::OlderSessions(listed));
  const auto list = Decode<toolbox::SessionList>(body);
  ASSERT_TRUE(list) << list.error().message();
  ASSERT_EQ(list->sessions.size(), 3U);
  ASSERT_EQ(list->sessions[0].commands.size(), 2U);
  const toolbox::CommandInfo& first = list->sessions[0].commands[0];
  EXPECT_EQ(first.id, "c1");
  EXPECT_EQ(first.exit_code, 137);
  EXPECT_EQ(first.oom_kills, 2U);
  EXPECT_EQ(first.oom_own, 0U);
  EXPECT_EQ(list->sessions[2].commands[0].id, "c3");
  EXPECT_FALSE(Decode<toolbox::SessionList>(body + "x"));
  EXPECT_FALSE(Decode<toolbox::SessionList>(body.substr(0, body.size() - 1)));
}

TEST(WireTest, AListOfThisToolboxKeepsEveryField) {
  toolbox::SessionList list;
  list.sessions.resize(1);
  list.sessions[0].commands.resize(2);
  list.sessions[0].commands[0].oom_own = 4;
  list.sessions[0].commands[1].oom_names = "cat (7)";
  const auto back = Decode<toolbox::SessionList>(Encode(list));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->sessions[0].commands[0].oom_own, 4U);
  EXPECT_EQ(back->sessions[0].commands[1].oom_names, "cat (7)");
}

TEST(WireTest, RefusesALengthThatLies) {
  std::string whole = Encode(toolbox::SessionRef{"abc"});
  whole[0] = '\xff';
  whole[3] = '\x7f';
  EXPECT_FALSE(Decode<toolbox::SessionRef>(whole));
}

Task<Result<Frame>> SendAndReceive(Channel* a, Channel* b) {
  int fds[2];
  EXPECT_EQ(pipe(fds), 0);
  const UniqueFd r(fds[0]);
  const UniqueFd w(fds[1]);
  CO_RETURN_IF_ERROR(
      co_await a->Send(runner::Type::kReply, runner::BoxRef{SandboxId("x")}, {r.get()}));
  co_return co_await b->Receive();
}

TEST(ChannelTest, CarriesDescriptorsWithTheirFrame) {
  async::Loop loop;
  auto pair = net::StreamPair();
  ASSERT_TRUE(pair);
  Channel a(std::move(pair->first));
  Channel b(std::move(pair->second));
  auto frame = loop.RunUntil(SendAndReceive(&a, &b));
  ASSERT_TRUE(frame) << frame.error().message();
  EXPECT_EQ(frame->type, static_cast<uint16_t>(runner::Type::kReply));
  EXPECT_EQ(frame->fds.size(), 1u);
}

}  // namespace
}  // namespace cove::proto
