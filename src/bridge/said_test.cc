// Goal: what a call said is kept as the setting says, belongs to its organisation, and goes with
// its call. Method: a store in memory, with a call's row.
#include "bridge/said.h"

#include <gtest/gtest.h>

#include "bridge/call_log.h"

namespace cove::bridge {
namespace {

class SaidTest : public testing::Test {
 protected:
  SaidTest() : store_(*store::OpenSqlite(":memory:", kMigrations)) {}

  static Said Example() {
    Said said;
    said.prompt = "the password is password=hunter22";
    said.alias = "fast";
    said.answer_model = std::string(300, 'm');
    said.stop = "tool_calls";
    said.tools = {
        {"function_call", "exec", "srv", "c1", "i1", "curl -H 'X-Api-Key: abcdefgh'", true},
        {"web_search_call", "web_search", "", "", "i2", "", false}};
    said.thoughts = {{"thinking", std::string("a\0b", 3)}};
    return said;
  }

  // A call of ann's that has ended with the example.
  std::string Call(TextMode mode) {
    CallLog log(*store_, mode);
    bridge::Call call;
    call.start.org = OrgId("org");
    call.start.user = "ann";
    call = *loop_.RunUntil(log.Begin(call.start));
    EXPECT_TRUE(loop_.RunUntil(log.Finish(call, Example())));
    return call.id;
  }
  Result<Said> Read(std::string org, std::optional<std::string> user, std::string id) {
    CallLog log(*store_);
    return loop_.RunUntil(log.ReadSaid(OrgId(std::move(org)), std::move(user), std::move(id)));
  }
  Said KeepAndRead(TextMode mode) {
    auto said = Read("org", std::nullopt, Call(mode));
    EXPECT_TRUE(said);
    return *std::move(said);
  }

  async::Loop loop_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(SaidTest, AllIsKeptAsItWas) {
  const Said said = KeepAndRead(TextMode::kAll);
  EXPECT_EQ(said.prompt, Example().prompt);
  EXPECT_EQ(said.alias, "fast");
  EXPECT_EQ(said.answer_model.size(), 256U);
  EXPECT_EQ(said.tools, Example().tools);
  ASSERT_EQ(said.thoughts.size(), 1U);
  EXPECT_EQ(said.thoughts[0].text, "ab");
}

TEST_F(SaidTest, SecretsAreTakenOut) {
  const Said said = KeepAndRead(TextMode::kRedacted);
  EXPECT_EQ(said.prompt, "the password is password=[redacted]");
  EXPECT_EQ(said.tools[0].input, "curl -H 'X-Api-Key: [redacted]'");
}

TEST_F(SaidTest, WithoutTextsTheToolsAreStillNamed) {
  const Said said = KeepAndRead(TextMode::kNone);
  EXPECT_EQ(said.prompt, "");
  ASSERT_EQ(said.tools.size(), 2U);
  EXPECT_EQ(said.tools[0].name, "exec");
  EXPECT_EQ(said.tools[0].call_id, "c1");
  EXPECT_EQ(said.tools[0].input, "");
  EXPECT_TRUE(said.thoughts.empty());
  EXPECT_EQ(said.stop, "tool_calls");
}

TEST_F(SaidTest, ItIsForItsOrganisationAndGoesWithItsCall) {
  const std::string id = Call(TextMode::kAll);
  EXPECT_EQ(Read("other", std::nullopt, id).error().code(), Code::kNotFound);
  EXPECT_EQ(Read("org", "bob", id).error().code(), Code::kNotFound);
  EXPECT_TRUE(Read("org", "ann", id));
  CallLog log(*store_);
  EXPECT_EQ(*loop_.RunUntil(log.Prune({WallNow().micros + 1'000'000}, 10)), 1);
  auto left = loop_.RunUntil(store_->Read([](store::Db& db) {
    return db.Query(
        "SELECT call FROM ai_said UNION ALL SELECT call FROM ai_tool UNION ALL "
        "SELECT call FROM ai_thought");
  }));
  EXPECT_TRUE(left->empty());
}

}  // namespace
}  // namespace cove::bridge
