// Goal: only who holds a live key or token gets in, also after a restart, and no key is stored.
// Method: real objects over a SQLite file that is reopened; the file's bytes are searched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/testing.h"
#include "base/text.h"
#include "identity/keys.h"
#include "identity/previews.h"

namespace cove::identity {
namespace {

using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() { Reopen(); }
  ~IdentityTest() override { Close(); }
  void Close() {
    keys_.reset();
    previews_.reset();
    store_.reset();
  }
  void Reopen() {
    Close();
    store_ = *store::OpenSqlite(folder_ / "cove.db", kMigrations);
    keys_ = *loop_.RunUntil(Keys::Open(*store_));
    previews_ = *loop_.RunUntil(Previews::Open(*store_));
  }
  Result<NewKey> MakeKey(std::string name, std::vector<std::string> scopes = {}) {
    KeyRequest request;
    request.org = kDefaultOrg;
    request.name = std::move(name);
    request.scopes = std::move(scopes);
    return loop_.RunUntil(keys_->Create(request));
  }
  Result<AdminSeed> Seed(std::string key) {
    return loop_.RunUntil(keys_->SeedAdmin(std::move(key), folder_ / "admin.key"));
  }

  async::Loop loop_;
  TempDir folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<Previews> previews_;
  const SandboxId box_{"5f0c1d7e-0000-4000-8000-000000000001"};
};

TEST_F(IdentityTest, AKeyAdmitsItsHolderAlsoAfterARestart) {
  auto key = MakeKey("ci", {"write:sandboxes"});
  ASSERT_TRUE(key.ok()) << key.error().message();
  EXPECT_THAT(key->secret, HasSubstr("cove_"));
  EXPECT_EQ(key->secret.size(), 5u + 64u);
  Reopen();
  auto caller = keys_->Verify(key->secret);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->org, kDefaultOrg);
  EXPECT_TRUE(caller->May("write:sandboxes"));
  EXPECT_FALSE(caller->May("manage:api_keys"));
  EXPECT_EQ(keys_->Verify(key->secret + "x").error().code(), Code::kUnauthenticated);
  EXPECT_EQ(keys_->Verify("").error().code(), Code::kUnauthenticated);
}

TEST_F(IdentityTest, AKeyWithAPermissionThatThereIsNotIsNotMade) {
  const auto refused = MakeKey("ci", {"write:sandboxes", "nope"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kInvalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("no permission 'nope'"));
  for (const char* known : {"write:sandboxes", "read:audit_logs", "use:models"}) {
    EXPECT_THAT(refused.error().message(), HasSubstr(known));
  }
  EXPECT_FALSE(keys_->Find(kDefaultOrg, "ci"));
  EXPECT_TRUE(MakeKey("ci", {"write:sandboxes", "read:audit_logs", "use:models"}).ok());
}

TEST_F(IdentityTest, NoKeyIsInTheDatabase) {
  auto key = MakeKey("ci");
  Close();
  for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(ReadFile(file.path()).find(key->secret.substr(10)), std::string::npos);
  }
}

TEST_F(IdentityTest, ADeletedKeyIsRefusedAndItsNameIsFree) {
  auto key = MakeKey("ci");
  EXPECT_EQ(MakeKey("ci").error().code(), Code::kConflict);
  ASSERT_TRUE(loop_.RunUntil(keys_->Delete(kDefaultOrg, "ci")).ok());
  EXPECT_FALSE(keys_->Verify(key->secret).ok());
  EXPECT_TRUE(MakeKey("ci").ok());
  EXPECT_EQ(loop_.RunUntil(keys_->Delete(kDefaultOrg, "none")).error().code(), Code::kNotFound);
}

TEST_F(IdentityTest, AnExpiredKeyIsRefused) {
  KeyRequest request;
  request.org = kDefaultOrg;
  request.name = "short";
  request.expires_at = WallTime{WallNow().micros + 3000};
  auto key = loop_.RunUntil(keys_->Create(request));
  ASSERT_TRUE(key.ok());
  ::usleep(4000);
  EXPECT_THAT(keys_->Verify(key->secret).error().message(), HasSubstr("expired"));
  EXPECT_EQ(loop_.RunUntil(keys_->Create(request)).error().code(), Code::kInvalid);
}

TEST_F(IdentityTest, TheFirstStartWritesAnAdminKeyThatOnlyTheOwnerReads) {
  auto seed = Seed("");
  ASSERT_TRUE(seed.ok());
  EXPECT_TRUE(seed->generated);
  const std::string file = folder_ / "admin.key";
  struct stat st{};
  ASSERT_EQ(::stat(file.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  const std::string text = ReadFile(file);
  Reopen();
  EXPECT_FALSE(Seed("")->generated);
  auto caller = keys_->Verify(Trim(text));
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->role, Role::kAdmin);
  EXPECT_TRUE(caller->May("manage:api_keys"));
}

TEST_F(IdentityTest, AKeyOfTheEnvironmentReplacesTheOneSeededBefore) {
  ASSERT_TRUE(Seed("first-admin-key-0123456789").ok());
  ASSERT_TRUE(keys_->Verify("first-admin-key-0123456789").ok());
  ASSERT_TRUE(Seed("other-admin-key-0123456789").ok());
  EXPECT_FALSE(keys_->Verify("first-admin-key-0123456789").ok());
  ASSERT_TRUE(Seed("other-admin-key-0123456789").ok());
  EXPECT_TRUE(keys_->Verify("other-admin-key-0123456789").ok());
  EXPECT_EQ(Seed("short").error().code(), Code::kInvalid);
}

TEST_F(IdentityTest, TheLastAdminKeyCannotBeDeleted) {
  ASSERT_TRUE(Seed("first-admin-key-0123456789").ok());
  EXPECT_EQ(loop_.RunUntil(keys_->Delete(kDefaultOrg, "admin")).error().code(), Code::kConflict);
}

TEST_F(IdentityTest, ThePlainTokenChangesWithEachStart) {
  const std::string token = previews_->PlainToken(box_, "g1");
  EXPECT_TRUE(previews_->VerifyPlain(box_, "g1", token));
  EXPECT_FALSE(previews_->VerifyPlain(box_, "g2", token));
  EXPECT_FALSE(previews_->VerifyPlain(SandboxId("other"), "g1", token));
  EXPECT_FALSE(previews_->VerifyPlain(box_, "", previews_->PlainToken(box_, "")));
  Reopen();
  EXPECT_TRUE(previews_->VerifyPlain(box_, "g1", token));
}

TEST_F(IdentityTest, ASignedTokenOpensOnePortUntilItIsRevoked) {
  auto made = loop_.RunUntil(previews_->CreateSigned(box_, 3000, seconds(60)));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->token.size(), 16u);
  Reopen();
  auto target = previews_->VerifySigned(made->token);
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->port, 3000);
  EXPECT_EQ(target->sandbox, box_);
  EXPECT_EQ(loop_.RunUntil(previews_->ExpireSigned(box_, 3001, made->token)).error().code(),
            Code::kNotFound);
  ASSERT_TRUE(loop_.RunUntil(previews_->ExpireSigned(box_, 3000, made->token)).ok());
  EXPECT_FALSE(previews_->VerifySigned(made->token).has_value());
  Reopen();
  EXPECT_FALSE(previews_->VerifySigned(made->token).has_value());
}

TEST_F(IdentityTest, SignedTokensHaveBoundsAndGoWithTheirSandbox) {
  EXPECT_FALSE(loop_.RunUntil(previews_->CreateSigned(box_, 1, seconds(0))).ok());
  EXPECT_FALSE(loop_.RunUntil(previews_->CreateSigned(box_, 1, seconds(86401))).ok());
  auto made = loop_.RunUntil(previews_->CreateSigned(box_, 1, seconds(86400)));
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(loop_.RunUntil(previews_->Forget(box_)).ok());
  EXPECT_FALSE(previews_->VerifySigned(made->token).has_value());
}

TEST_F(IdentityTest, ACookieIsGoodForItsSandboxUntilItsEnd) {
  const WallTime later{WallNow().micros + 3600 * int64_t{1'000'000}};
  const std::string cookie = previews_->MakeCookie(box_, later);
  EXPECT_TRUE(previews_->VerifyCookie(box_, cookie));
  EXPECT_FALSE(previews_->VerifyCookie(SandboxId("other"), cookie));
  EXPECT_FALSE(previews_->VerifyCookie(box_, previews_->MakeCookie(box_, WallTime{1})));
  EXPECT_FALSE(previews_->VerifyCookie(box_, "9999999999." + cookie.substr(cookie.find('.') + 1)));
  EXPECT_FALSE(previews_->VerifyCookie(box_, ""));
}

}  // namespace
}  // namespace cove::identity
