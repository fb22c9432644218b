// Goal: a secret's value is found again after a restart, by the server alone: the database and a
// row moved elsewhere tell nothing. Method: real objects over a SQLite file that is reopened,
// copied and changed; the bytes of all files are searched.
#include "identity/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/testing.h"
#include "identity/keys.h"

namespace cove::identity {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kValue[] = "sk-the-value-that-nobody-sees";

class SecretsTest : public ::testing::Test {
 protected:
  SecretsTest() { Reopen(); }
  ~SecretsTest() override {
    secrets_.reset();
    store_.reset();
  }
  Result<void> TryReopen() {
    secrets_.reset();
    store_.reset();
    store_ = *store::OpenSqlite(folder_ / "cove.db", kMigrations);
    if (auto keys = loop_.RunUntil(Keys::Open(*store_)); !keys) return std::move(keys).error();
    ASSIGN_OR_RETURN(secrets_, loop_.RunUntil(Secrets::Open(*store_, KeyFile())));
    secrets_->set_on_changed([this](const OrgId&) { ++changes_; });
    return Ok();
  }
  void Reopen() {
    const auto done = TryReopen();
    ASSERT_TRUE(done) << done.error().message();
  }
  std::string KeyFile() const { return folder_ / "secrets.key"; }
  Result<SecretInfo> Make(std::string name, std::vector<std::string> hosts = {"api.test"}) {
    SecretRequest request;
    request.org = kDefaultOrg;
    request.name = std::move(name);
    request.value = kValue;
    request.binding.hosts = std::move(hosts);
    return loop_.RunUntil(secrets_->Create(std::move(request)));
  }
  void Sql(std::string_view text) {
    const auto done = loop_.RunUntil(store_->Write([text](store::Db& db) -> Result<void> {
      RETURN_IF_ERROR(db.Run(text));
      return Ok();
    }));
    ASSERT_TRUE(done) << done.error().message();
  }
  std::string AllFiles() const {
    std::ostringstream out;
    for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
      out << std::ifstream(file.path(), std::ios::binary).rdbuf();
    }
    return out.str();
  }

  async::Loop loop_;
  TempDir folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Secrets> secrets_;
  int changes_ = 0;
};

TEST_F(SecretsTest, TheValueIsThereAfterARestartAndInNoFile) {
  const auto made = Make("api");
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_THAT(made->placeholder, HasSubstr("dtn_secret_"));
  EXPECT_EQ(changes_, 1);
  Reopen();
  const auto all = secrets_->AllOf(kDefaultOrg);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].value, kValue);
  EXPECT_EQ(all[0].info.placeholder, made->placeholder);
  EXPECT_EQ(all[0].info.binding.hosts, std::vector<std::string>{"api.test"});
  EXPECT_THAT(AllFiles(), Not(HasSubstr(kValue)));
  struct stat info{};
  ASSERT_EQ(stat(KeyFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SecretsTest, WithoutItsKeyNothingOpensAndTheErrorSaysWhatToDo) {
  ASSERT_TRUE(Make("api"));
  std::filesystem::rename(KeyFile(), folder_ / "away");
  EXPECT_THAT(TryReopen().error().message(), HasSubstr("secrets.key back"));
  std::ofstream(KeyFile()) << std::string(64, 'a');
  EXPECT_THAT(TryReopen().error().message(), HasSubstr("'api'"));
  std::ofstream(KeyFile()) << "short";
  EXPECT_THAT(TryReopen().error().message(), HasSubstr("holds no key"));
  std::filesystem::rename(folder_ / "away", KeyFile());
  Reopen();
}

TEST_F(SecretsTest, ARowThatIsChangedOrMovedDoesNotOpen) {
  ASSERT_TRUE(Make("one"));
  ASSERT_TRUE(Make("two"));
  Sql("UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE name = 'one')");
  EXPECT_THAT(TryReopen().error().message(), HasSubstr("secret 'two'"));
}

TEST_F(SecretsTest, AnUpdateChangesWhatItNames) {
  const std::string id = Make("api")->id;
  SecretPatch patch;
  patch.value = "another-value";
  patch.hosts = {"*.api.test"};
  ASSERT_TRUE(loop_.RunUntil(secrets_->Update(kDefaultOrg, id, patch)));
  EXPECT_EQ(changes_, 2);
  Reopen();
  const auto all = secrets_->AllOf(kDefaultOrg);
  EXPECT_EQ(all[0].value, "another-value");
  EXPECT_EQ(all[0].info.name, "api");
  EXPECT_EQ(all[0].info.binding.hosts, std::vector<std::string>{"*.api.test"});
}

TEST_F(SecretsTest, ADeletedOneIsGone) {
  const std::string id = Make("api")->id;
  ASSERT_TRUE(loop_.RunUntil(secrets_->Delete(kDefaultOrg, id)));
  EXPECT_EQ(loop_.RunUntil(secrets_->Delete(kDefaultOrg, id)).error().code(), Code::kNotFound);
  EXPECT_EQ(loop_.RunUntil(secrets_->Update(kDefaultOrg, id, {})).error().code(), Code::kNotFound);
  Reopen();
  EXPECT_TRUE(secrets_->List(kDefaultOrg).empty());
}

TEST_F(SecretsTest, AnotherOrganisationDoesNotSeeIt) {
  const auto made = Make("api");
  const OrgId other("another");
  EXPECT_FALSE(secrets_->Find(other, made->id));
  EXPECT_FALSE(secrets_->FindByName(other, "api"));
  EXPECT_TRUE(secrets_->AllOf(other).empty());
  EXPECT_EQ(loop_.RunUntil(secrets_->Delete(other, made->id)).error().code(), Code::kNotFound);
}

TEST_F(SecretsTest, WhatCannotBeKeptIsRefusedWithoutTheValue) {
  ASSERT_TRUE(Make("api"));
  const auto again = Make("api");
  EXPECT_EQ(again.error().code(), Code::kConflict);
  EXPECT_THAT(again.error().message(), Not(HasSubstr(kValue)));
  EXPECT_THAT(Make("bad name").error().message(), HasSubstr("letters"));
  EXPECT_THAT(Make("x", {}).error().message(), HasSubstr("'hosts' is missing"));
  EXPECT_THAT(Make("x", {"a\nb"}).error().message(), HasSubstr("hosts"));
  secrets_->set_check(
      [](const SecretInfo&, const std::string&) { return Error(Code::kInvalid, "not that host"); });
  EXPECT_THAT(Make("x").error().message(), HasSubstr("not that host"));
}

}  // namespace
}  // namespace cove::identity
