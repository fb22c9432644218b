// Goal: a database from before there were prices goes on, and its calls have no cost rather than
// none. Method: a file with the first step of the schema only, opened again with all.
#include "bridge/call_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing.h"
#include "bridge/budgets.h"
#include "bridge/call_id.h"

namespace cove::bridge {
namespace {

class CallLogTest : public testing::Test {
 protected:
  void Open(const store::Migrations& steps) {
    store_.reset();
    store_ = *store::OpenSqlite(dir_ / "calls.db", steps);
  }
  void Write(std::string sql) {
    auto done = store_->Write([sql](store::Db& db) { return db.Run(sql); });
    ASSERT_TRUE(loop_.RunUntil(std::move(done)).ok());
  }

  async::Loop loop_;
  const TempDir dir_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(CallLogTest, CallsFromBeforePricesAreUnpriced) {
  Open({kMigrations.front()});
  Write(
      "INSERT INTO ai_call (id, org_id, sandbox_id, key_id, provider, api, model, stream, client, "
      "session, thread, turn, request_bytes, started_at, ended_at, outcome, status, usage_known, "
      "input_tokens, output_tokens) VALUES ('a', 'org', 'box', '', 'openai', 'responses', "
      "'gpt-5.5', 1, '', '', '', '', 10, 1000000, 2000000, 'completed', 200, 1, 40, 20)");
  Open(kMigrations);
  CallLog log(*store_);
  CallFilter filter;
  filter.org = OrgId("org");
  const auto calls = loop_.RunUntil(log.List(filter));
  ASSERT_TRUE(calls.ok()) << calls.error().message();
  ASSERT_EQ(calls->size(), 1U);
  EXPECT_EQ(calls->front().charge.basis, CostBasis::kUnpriced);
  EXPECT_FALSE(calls->front().charge.price);
  EXPECT_EQ(calls->front().end.usage.input, 40);
  EXPECT_TRUE(calls->front().start.user.empty());
  const auto sums = loop_.RunUntil(log.Sum(filter, {}));
  EXPECT_EQ(sums->front().unpriced, 1);
  EXPECT_EQ(sums->front().cost, 0);
}

TEST_F(CallLogTest, WhatWasSaidBeforeItWasInTheRowIsStillThere) {
  store::Migrations before = kMigrations;
  std::erase_if(before,
                [](const store::Migration& m) { return m.room == "bridge" && m.version > 2; });
  Open(before);
  Write(
      "INSERT INTO ai_call (id, org_id, sandbox_id, key_id, provider, api, model, stream, client, "
      "session, thread, turn, request_bytes, started_at) VALUES "
      "('0f8a3c1e-11d2-4a5b-9c3d-0123456789ab', "
      "'org', 'box', '', 'openai', 'responses', 'gpt-5.5', 1, '', '', '', '', 10, 1000000)");
  Write("UPDATE ai_call SET ended_at = 2000000, outcome = 'completed'");
  Write("INSERT INTO ai_said SELECT id, 'hello', 'fast', 'gpt-5.5-1', 'stop', 'e', 1 FROM ai_call");
  Write(
      "INSERT INTO ai_tool SELECT id, 0, 'function_call', 'exec', '', 'c1', '', '{}', 0 FROM "
      "ai_call");
  Write("INSERT INTO ai_thought SELECT id, 0, 'thinking', 'hm' FROM ai_call");
  Open(kMigrations);
  CallLog log(*store_);
  CallFilter filter;
  filter.org = OrgId("org");
  filter.since = WallTime{1'000'000};
  filter.until = WallTime{1'000'001};
  const auto calls = loop_.RunUntil(log.List(filter));
  ASSERT_EQ(calls->size(), 1U) << "and is found by its time";
  const auto said = loop_.RunUntil(log.ReadSaid(OrgId("org"), std::nullopt, calls->front().id));
  ASSERT_TRUE(said) << said.error().message();
  EXPECT_EQ(said->prompt + said->alias + said->answer_model + said->stop + said->error,
            "hellofastgpt-5.5-1stope");
  EXPECT_TRUE(said->cut);
  EXPECT_EQ(said->tools.size(), 1U);
  EXPECT_EQ(said->thoughts.size(), 1U);
}

TEST_F(CallLogTest, ANumberIsGivenOnceThoughTheClockWasSetBack) {
  constexpr int64_t kLater = int64_t{4'102'444'800'000} << 12;  // the year 2100
  Open(kMigrations);
  CallStart start;
  start.org = OrgId("org");
  {
    CallLog log(*store_);
    ASSERT_TRUE(loop_.RunUntil(log.Begin(start)));
    Write("UPDATE ai_call SET n = " + std::to_string(kLater));
  }
  CallLog log(*store_);
  ASSERT_TRUE(loop_.RunUntil(log.Recover("")));
  const auto call = loop_.RunUntil(log.Begin(start));
  ASSERT_TRUE(call);
  EXPECT_EQ(CallNumber(call->id), kLater + 1);
}

TEST_F(CallLogTest, ACallEndsOnce) {
  Open(kMigrations);
  CallLog log(*store_);
  auto budgets = *loop_.RunUntil(Budgets::Open(*store_));
  Budget budget;
  budget.org = OrgId("org");
  budget.limit = 100;
  ASSERT_TRUE(loop_.RunUntil(budgets->Create(budget)).ok());
  CallStart start;
  start.org = OrgId("org");
  Call call = *loop_.RunUntil(log.Begin(start));
  call.charge.basis = CostBasis::kUsage;
  call.charge.cost = 7;
  const auto first = loop_.RunUntil(log.Finish(call));
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->size(), 1U);
  EXPECT_EQ(first->front().spent, 7);
  const auto second = loop_.RunUntil(log.Finish(call));
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second->size(), 1U) << "who did not hear of the first is told";
  EXPECT_EQ(second->front().spent, 7) << "and it is paid once";
  EXPECT_EQ(second->front().calls, 1);
}

}  // namespace
}  // namespace cove::bridge
