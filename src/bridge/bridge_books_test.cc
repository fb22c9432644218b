// Goal: a call is one row and is charged once, whoever answers it and whoever leaves.
// Method: calls through a Cove server with the bridge; the book and its budgets in memory.
#include "base/testing.h"
#include "bridge/bridge_fixture_test.h"
#include "bridge/call_json.h"
#include "http/packing_test.h"

namespace cove::bridge {
namespace {

Task<net::StreamPtr> SendOnly(uint16_t port) {
  auto stream =
      co_await net::Connect(*net::SocketAddress::FromIp("127.0.0.1", port), Now() + seconds(5));
  (void)co_await (*stream)->Write(
      "POST /openai/v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "26\r\n\r\n{\"model\":\"m\",\"input\":\"hi\"}");
  co_return *std::move(stream);
}

// Asks, and waits for the first byte of the answer.
Task<net::StreamPtr> Ask(uint16_t port) {
  net::StreamPtr stream = co_await SendOnly(port);
  char byte[1];
  (void)co_await stream->Read(byte);
  co_return stream;
}

TEST_F(BridgeTest, AnAgentThatLeavesIsStillChargedForWhatItAsked) {
  up_.mode = ScriptedUpstream::Mode::kSlow;
  loop_.RunUntil(Ask(front_.port))->MarkAborted();
  for (int i = 0; i < 500 && Calls().empty(); ++i) loop_.RunUntil(Pause());
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_TRUE(calls[0].end.usage.known);
  EXPECT_EQ(calls[0].end.usage.output, 20);
}

TEST_F(BridgeTest, ACallWhoseConnectionIsTakenDownIsHeardOutAndSettled) {
  const Budget budget = MakeBudget(1'000'000);
  up_.mode = ScriptedUpstream::Mode::kSlow;
  const net::StreamPtr agent = loop_.RunUntil(Ask(front_.port));
  front_.group.Clear();
  EXPECT_EQ(UseOf(budget).in_flight, 1) << "the provider still works for it";
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].end.outcome, Outcome::kClientGone);
  EXPECT_EQ(calls[0].end.usage.output, 20);
  EXPECT_EQ(calls[0].charge.cost, 300);
  loop_.RunUntil(bridge_.Flush(Now() + seconds(5)));
  EXPECT_EQ(UseOf(budget).spent, 300);
  EXPECT_EQ(UseOf(budget).held, 0);
  EXPECT_EQ(UseOf(budget).in_flight, 0);
  EXPECT_EQ(SaidIn(calls[0].id).prompt, "hi");
}

TEST_F(BridgeTest, AnAnswerThatIsHeardOutIsOnTheTapeToo) {
  const std::string path = dir_.path() + "/cassette";
  Bridge::Deps deps = MakeDeps();
  deps.tape = *Tape::Open({TapeConfig::Mode::kRecord, path, {}}, pool_);
  Bridge recording(std::move(deps));
  Listening front([&recording](http::Exchange& e) { return ServeBy(recording, e); });
  up_.mode = ScriptedUpstream::Mode::kSlow;
  const net::StreamPtr agent = loop_.RunUntil(Ask(front.port));
  front.group.Clear();
  loop_.RunUntil(recording.Flush(Now() + seconds(5)));
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kClientGone);
  auto cassette = Cassette::Read(path, Cassette::Match::kOrder);
  ASSERT_TRUE(cassette) << cassette.error().message();
  RecordedCall asked;
  asked.kind = "openai";
  asked.method = "POST";
  asked.path = "/v1/responses";
  ASSERT_EQ(cassette->size(), 1U);
  EXPECT_EQ(cassette->Next("box", asked)->body, kAnswer);
}

TEST_F(BridgeTest, AnAgentThatLeavesWhileItsCallWaitsForABudgetDoesNotMakeIt) {
  const Budget budget = MakeBudget(15'000);  // for one call, of at most 10 026
  up_.mode = ScriptedUpstream::Mode::kHeld;
  const net::StreamPtr first = loop_.RunUntil(Ask(front_.port));
  std::vector<net::StreamPtr> waiting;
  const auto until = [this](size_t n) {
    for (int i = 0; i < 1000 && books_.budgets().waiting() != n; ++i) loop_.RunUntil(Pause());
    return books_.budgets().waiting();
  };
  for (int i = 0; i < 2; ++i) waiting.push_back(loop_.RunUntil(SendOnly(front_.port)));
  ASSERT_EQ(until(2), 2U);
  waiting[0]->MarkAborted();
  waiting[0].reset();
  EXPECT_EQ(until(1), 1U) << "who has left does not wait";
  EXPECT_EQ(UseOf(budget).in_flight, 1);
  up_.go.Set();
  EXPECT_EQ(until(0), 0U);
  for (int i = 0; i < 1000 && (up_.requests < 2 || UseOf(budget).in_flight > 0); ++i) {
    loop_.RunUntil(Pause());
  }
  loop_.RunUntil(bridge_.Flush(Now() + seconds(5)));
  EXPECT_EQ(up_.requests, 2) << "the first, and the one that waited on";
  EXPECT_EQ(Calls().size(), 2U);
  EXPECT_EQ(UseOf(budget).spent, 600);
  EXPECT_NE(books_.metrics().Text().find("reason=\"cove_agent_gone\"} 1"), std::string::npos);
}

TEST_F(BridgeTest, AnAgentThatLeavesDuringRetryAfterDoesNotMakeItsCallAgain) {
  up_.mode = ScriptedUpstream::Mode::kError;
  up_.retry_after = "1";
  const Budget budget = MakeBudget(1'000'000);
  const net::StreamPtr agent = loop_.RunUntil(SendOnly(front_.port));
  for (int i = 0; i < 1000 && up_.requests == 0; ++i) loop_.RunUntil(Pause());
  agent->MarkAborted();
  ASSERT_TRUE(loop_.RunUntil(agent->CloseWrite()));
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(up_.requests, 1);
  EXPECT_EQ(calls[0].end.outcome, Outcome::kClientGone);
  EXPECT_EQ(calls[0].end.status, 429);
  EXPECT_EQ(calls[0].charge.basis, CostBasis::kNone);
  EXPECT_EQ(UseOf(budget).in_flight, 0);
}

TEST_F(BridgeTest, ACallThatFallsBackIsOneRowOfWhoAnsweredAtItsPrice) {
  const Budget budget = MakeBudget(1'000'000);
  EXPECT_EQ(Run(Post(R"({"model":"m"})"), "/first/v1/responses").status, 200);
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].start.provider, "openai");
  EXPECT_EQ(calls[0].start.fallback_from, "first");
  EXPECT_EQ(calls[0].end.key_hint, "1");
  EXPECT_EQ(calls[0].charge.cost, 300);
  EXPECT_EQ(UseOf(budget).spent, 300);
}

TEST_F(BridgeTest, AReplayedCallIsInTheBooksAsTheRecordedOneWas) {
  const TempDir dir;
  const auto with = [&](TapeConfig::Mode mode, http::ClientRequest request) {
    Bridge::Deps deps = MakeDeps();
    deps.tape = *Tape::Open({.mode = mode, .path = dir / "cassette"}, pool_);
    Bridge bridge(std::move(deps));
    Listening front([&](http::Exchange& e) { return ServeBy(bridge, e); });
    std::swap(front.port, front_.port);
    Reply reply = Run(std::move(request), "/openai/v1/responses");
    std::swap(front.port, front_.port);
    Calls();
    loop_.RunUntil(bridge.Flush(Now() + seconds(5)));
    return reply;
  };
  const std::string asked = R"({"model":"m","input":"hi","prompt_cache_key":"one"})";
  const Reply recorded = with(TapeConfig::Mode::kRecord, Packed(Post(http::Zstd(asked)), "zstd"));
  EXPECT_EQ(up_.requests, 1);
  const Budget budget = MakeBudget(600);
  // The same question, but for a label, and not compressed.
  const Reply replayed =
      with(TapeConfig::Mode::kReplay, Post(R"({"input":"hi","model":"m","prompt_cache_key":"2"})"));
  EXPECT_EQ(with(TapeConfig::Mode::kReplay, Post(asked)).status, 403) << "its budget is used up";
  EXPECT_EQ(up_.requests, 1);
  EXPECT_EQ(replayed.status, 200) << replayed.body;
  EXPECT_EQ(replayed.body, recorded.body);
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[1].charge.basis, CostBasis::kUsage);
  EXPECT_EQ(calls[0].charge.basis, CostBasis::kUsage);
  EXPECT_EQ(calls[0].charge.cost, 300);
  EXPECT_EQ(calls[0].end.usage.output, 20);
  EXPECT_EQ(UseOf(budget).spent, 600);
}

TEST_F(BridgeTest, TotalsAreByModel) {
  for (int i = 0; i < 3; ++i) Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  Calls();
  CallFilter filter;
  filter.org = OrgId("org");
  filter.sandbox = SandboxId("box");
  auto totals = loop_.RunUntil(books_.log().Sum(filter, {Group::kModel}));
  ASSERT_TRUE(totals.ok());
  ASSERT_EQ(totals->size(), 1U);
  EXPECT_EQ((*totals)[0].calls, 3);
  EXPECT_EQ((*totals)[0].output, 60);
  EXPECT_EQ(json::GetInt(ToJson((*totals)[0], {Group::kModel}), "outputTokens"), 60);
  auto rows = loop_.RunUntil(books_.log().List(filter));
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 3U);
  const json::Object row = ToJson(rows->front());
  EXPECT_EQ(json::GetString(row, "model"), "m");
  EXPECT_EQ(json::GetInt(row, "status"), 200);
  EXPECT_EQ(json::GetInt(row, "inputTokens"), 40);
  filter.sandbox = SandboxId("other");
  EXPECT_TRUE(loop_.RunUntil(books_.log().Sum(filter, {Group::kModel}))->empty());
}

TEST_F(BridgeTest, WhatABudgetRefusesNeverReachesTheProvider) {
  MakeBudget(0);
  const Reply reply = Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  EXPECT_EQ(reply.status, 403);
  EXPECT_NE(reply.body.find("\"code\":\"cove_budget_exhausted\""), std::string::npos) << reply.body;
  EXPECT_EQ(up_.requests, 0);
  EXPECT_TRUE(Calls().empty());
  EXPECT_EQ(Run({}, "/openai/v1/models").status, 200) << "what costs nothing goes on";
}

}  // namespace
}  // namespace cove::bridge
