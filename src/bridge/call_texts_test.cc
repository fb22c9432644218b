// Goal: what a call said is kept as the setting says, belongs to its organisation, and goes with
// its call. Method: a store in memory, with a call's row.
#include "bridge/call_texts.h"

#include <gtest/gtest.h>

#include "bridge/call_log.h"

namespace cove::bridge {
namespace {

class CallTextsTest : public testing::Test {
 protected:
  CallTextsTest() {
    store::Migrations all = kMigrations;
    all.insert(all.end(), kTextMigrations.begin(), kTextMigrations.end());
    store_ = *store::OpenSqlite(":memory:", all);
    CallStart start;
    start.org = OrgId("org");
    start.user = "ann";
    CallLog log(*store_);
    id_ = *loop_.RunUntil(log.Begin(start));
  }

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

  Said KeepAndRead(TextMode mode) {
    CallTexts texts(*store_, mode);
    EXPECT_TRUE(loop_.RunUntil(texts.Keep(id_, Example())));
    auto said = loop_.RunUntil(texts.Read(OrgId("org"), std::nullopt, id_));
    EXPECT_TRUE(said);
    return *std::move(said);
  }

  async::Loop loop_;
  std::unique_ptr<store::Store> store_;
  std::string id_;
};

TEST_F(CallTextsTest, AllIsKeptAsItWas) {
  const Said said = KeepAndRead(TextMode::kAll);
  EXPECT_EQ(said.prompt, Example().prompt);
  EXPECT_EQ(said.alias, "fast");
  EXPECT_EQ(said.answer_model.size(), 256U);
  EXPECT_EQ(said.tools, Example().tools);
  ASSERT_EQ(said.thoughts.size(), 1U);
  EXPECT_EQ(said.thoughts[0].text, "ab");
}

TEST_F(CallTextsTest, SecretsAreTakenOut) {
  const Said said = KeepAndRead(TextMode::kRedacted);
  EXPECT_EQ(said.prompt, "the password is password=[redacted]");
  EXPECT_EQ(said.tools[0].input, "curl -H 'X-Api-Key: [redacted]'");
}

TEST_F(CallTextsTest, WithoutTextsTheToolsAreStillNamed) {
  const Said said = KeepAndRead(TextMode::kNone);
  EXPECT_EQ(said.prompt, "");
  ASSERT_EQ(said.tools.size(), 2U);
  EXPECT_EQ(said.tools[0].name, "exec");
  EXPECT_EQ(said.tools[0].call_id, "c1");
  EXPECT_EQ(said.tools[0].input, "");
  EXPECT_TRUE(said.thoughts.empty());
  EXPECT_EQ(said.stop, "tool_calls");
}

TEST_F(CallTextsTest, ItIsForItsOrganisationAndGoesWithItsCall) {
  CallTexts texts(*store_, TextMode::kAll);
  EXPECT_EQ(loop_.RunUntil(texts.Keep("none", Example())).error().code(), Code::kConflict);
  ASSERT_TRUE(loop_.RunUntil(texts.Keep(id_, Example())));
  EXPECT_EQ(loop_.RunUntil(texts.Read(OrgId("other"), std::nullopt, id_)).error().code(),
            Code::kNotFound);
  EXPECT_EQ(loop_.RunUntil(texts.Read(OrgId("org"), "bob", id_)).error().code(), Code::kNotFound);
  EXPECT_TRUE(loop_.RunUntil(texts.Read(OrgId("org"), "ann", id_)));
  auto rows = loop_.RunUntil(store_->Write([](store::Db& db) -> Result<int64_t> {
    RETURN_IF_ERROR(db.Run("DELETE FROM ai_call"));
    ASSIGN_OR_RETURN(auto left, db.Query("SELECT (SELECT COUNT(*) FROM ai_said) + (SELECT COUNT(*) "
                                         "FROM ai_tool) + (SELECT COUNT(*) FROM ai_thought)"));
    return left[0][0].Int();
  }));
  EXPECT_EQ(*rows, 0);
}

}  // namespace
}  // namespace cove::bridge
