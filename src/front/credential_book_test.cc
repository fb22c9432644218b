// Goal: what a secret's texts say is what the gateway gets, at once after a change, and a text that
// means nothing is refused. Method: real secrets over a store in memory; no gateway.
#include "front/credential_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing.h"
#include "identity/keys.h"

namespace cove::front {
namespace {

using ::testing::HasSubstr;

class CredentialBookTest : public ::testing::Test {
 protected:
  CredentialBookTest() {
    store_ = *store::OpenSqlite(":memory:", identity::kMigrations);
    EXPECT_TRUE(loop_.RunUntil(identity::Keys::Open(*store_)));
    secrets_ = *loop_.RunUntil(identity::Secrets::Open(*store_, folder_ / "secrets.key"));
    book_ = std::make_unique<CredentialBook>(*secrets_);
    secrets_->set_on_changed([this](const OrgId& org) { book_->Refresh(org); });
    box_.id = SandboxId("box");
    box_.org = identity::kDefaultOrg;
    box_.secrets = {{"KEY", "api"}};
  }

  std::string Make(std::string name) {
    identity::SecretRequest request;
    request.org = identity::kDefaultOrg;
    request.name = std::move(name);
    request.value = "the value";
    request.binding.hosts = {"api.test"};
    return loop_.RunUntil(secrets_->Create(std::move(request)))->id;
  }
  bool Holds() const { return book_->Of(box_.id)->Concern("api.test", 443); }

  async::Loop loop_;
  TempDir folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<identity::Secrets> secrets_;
  std::unique_ptr<CredentialBook> book_;
  control::Sandbox box_;
};

TEST_F(CredentialBookTest, ASandboxHasTheSecretsItWasGivenWheneverTheyExist) {
  EXPECT_EQ(book_->Of(box_.id), nullptr);
  book_->Set(box_);
  EXPECT_FALSE(Holds());
  const std::string id = Make("api");
  EXPECT_TRUE(Holds());
  EXPECT_TRUE(book_->HasFor(box_, "API.test.", 443));
  EXPECT_FALSE(book_->HasFor(box_, "other.test", 443));
  EXPECT_FALSE(book_->HasFor(box_, "api.test", 8443));
  ASSERT_TRUE(loop_.RunUntil(secrets_->Delete(identity::kDefaultOrg, id)));
  EXPECT_FALSE(Holds());
  Make("another");
  EXPECT_FALSE(Holds());
  book_->Forget(box_.id);
  EXPECT_EQ(book_->Of(box_.id), nullptr);
}

TEST_F(CredentialBookTest, AnotherOrganisationsSecretOfThatNameIsNotIts) {
  Make("api");
  box_.org = OrgId("another");
  book_->Set(box_);
  EXPECT_FALSE(Holds());
}

TEST(CredentialBookCheck, AValueThatCouldNotBeHiddenIsNoSecret) {
  identity::SecretInfo info;
  info.binding.hosts = {"api.test"};
  EXPECT_TRUE(CredentialBook::Check(info, "12345678"));
  const auto refused = CredentialBook::Check(info, "1234567");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("at least 8 bytes"), std::string::npos);
}

TEST(CompileTest, TextsBecomeRulesOrAnErrorThatNamesThem) {
  identity::SecretInfo info;
  info.binding.hosts = {"*.api.test", "other.test:8443"};
  info.binding.methods = {"GET"};
  info.binding.paths = {"/org/**"};
  info.binding.places = {"header"};
  info.binding.header = "basic git";
  const auto made = CredentialBook::Compile(info);
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_EQ(made->scope.rules.size(), 2u);
  EXPECT_EQ(made->scope.rules[1].ports.ToString(), "8443");
  EXPECT_TRUE(made->in_header);
  EXPECT_FALSE(made->in_query);
  EXPECT_FALSE(made->in_body);
  const auto error = [&](auto change) {
    identity::SecretInfo other = info;
    change(other.binding);
    const auto failed = CredentialBook::Compile(other);
    return failed ? std::string("none") : failed.error().message();
  };
  using B = identity::SecretBinding;
  EXPECT_THAT(error([](B& b) { b.hosts = {"git*.test"}; }), HasSubstr("git*.test"));
  EXPECT_THAT(error([](B& b) { b.hosts = {"*.com"}; }), HasSubstr("*.com"));
  EXPECT_THAT(error([](B& b) { b.hosts = {"10.0.0.0/8:443"}; }), HasSubstr("by name"));
  EXPECT_THAT(error([](B& b) { b.methods = {"get"}; }), HasSubstr("capitals"));
  EXPECT_THAT(error([](B& b) { b.paths = {"/a/../b"}; }), HasSubstr("/a/../b"));
  EXPECT_THAT(error([](B& b) { b.header = "cookie"; }), HasSubstr("bearer"));
}

}  // namespace
}  // namespace cove::front
