// Goal: a token proves who calls until it ends, is revoked or the server is started anew without
// it, and is nowhere in the store. Method: a store in memory, opened twice.
#include "bridge/tokens.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

class TokensTest : public testing::Test {
 protected:
  TokensTest() : store_(*store::OpenSqlite(":memory:", kMigrations)) { Open(); }
  void Open() {
    tokens_.reset();
    budgets_ = *loop_.RunUntil(Budgets::Open(*store_));
    tokens_ = *loop_.RunUntil(Tokens::Open(*store_, *budgets_));
  }
  NewToken Make(seconds life = seconds(60), std::optional<Micros> limit = std::nullopt) {
    Token token;
    token.org = OrgId("org");
    token.user = "ann";
    token.sandbox = SandboxId("box");
    return *loop_.RunUntil(tokens_->Create(token, life, limit));
  }

  async::Loop loop_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Budgets> budgets_;
  std::unique_ptr<Tokens> tokens_;
};

TEST_F(TokensTest, ATokenProvesWhoItWasMadeFor) {
  const NewToken made = Make();
  EXPECT_TRUE(Tokens::LooksLikeOne(made.secret));
  Open();
  const auto token = tokens_->Verify(made.secret);
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->user, "ann");
  EXPECT_EQ(token->sandbox.value, "box");
  EXPECT_FALSE(tokens_->Verify(made.secret + "0").ok());
  EXPECT_FALSE(tokens_->Verify("").ok());
  EXPECT_FALSE(tokens_->Verify(token->id).ok());
}

TEST_F(TokensTest, ItsLifeIsShort) {
  Token token;
  EXPECT_FALSE(loop_.RunUntil(tokens_->Create(token, seconds(59), std::nullopt)).ok());
  EXPECT_FALSE(loop_.RunUntil(tokens_->Create(token, Tokens::kLifeMax + seconds(1), 1)).ok());
}

TEST_F(TokensTest, AnExpiredOneIsRefusedAndGoesWithItsBudget) {
  const NewToken made = Make(seconds(60), 5'000'000);
  ASSERT_EQ(budgets_->List(OrgId("org")).size(), 1U);
  EXPECT_EQ(budgets_->List(OrgId("org"))[0].subject, made.token.id);
  auto expire =
      store_->Write([](store::Db& db) { return db.Run("UPDATE ai_token SET expires_at = 1"); });
  ASSERT_TRUE(loop_.RunUntil(std::move(expire)).ok());
  Open();
  const auto token = tokens_->Verify(made.secret);
  ASSERT_FALSE(token.ok());
  EXPECT_NE(token.error().message().find("expired"), std::string::npos);
  EXPECT_FALSE(tokens_->InForce(OrgId("org"), made.token.id));
  EXPECT_TRUE(tokens_->List(OrgId("org")).empty());
  ASSERT_TRUE(loop_.RunUntil(tokens_->DropExpired()).ok());
  EXPECT_TRUE(budgets_->List(OrgId("org")).empty());
}

TEST_F(TokensTest, ARevokedOneIsOfNoUse) {
  const NewToken made = Make();
  EXPECT_TRUE(tokens_->InForce(OrgId("org"), made.token.id));
  EXPECT_FALSE(tokens_->InForce(OrgId("other"), made.token.id));
  EXPECT_FALSE(loop_.RunUntil(tokens_->Delete(OrgId("other"), made.token.id)).ok());
  ASSERT_TRUE(loop_.RunUntil(tokens_->Delete(OrgId("org"), made.token.id)).ok());
  EXPECT_FALSE(tokens_->Verify(made.secret).ok());
  EXPECT_FALSE(tokens_->InForce(OrgId("org"), made.token.id));
  Open();
  EXPECT_FALSE(tokens_->Verify(made.secret).ok());
}

TEST_F(TokensTest, TheStoreHoldsNoToken) {
  const NewToken made = Make();
  auto rows = loop_.RunUntil(
      store_->Read([](store::Db& db) { return db.Query("SELECT * FROM ai_token"); }));
  ASSERT_TRUE(rows.ok());
  for (const store::Value& value : (*rows)[0]) {
    EXPECT_EQ(value.Text().find(made.secret.substr(6)), std::string::npos);
  }
}

}  // namespace
}  // namespace cove::bridge
