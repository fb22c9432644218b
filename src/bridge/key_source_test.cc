// Goal: a key that was exchanged or renewed in its file is used without a restart, one that has
// ended is not, and a file that cannot be read takes nothing away. Method: files of a directory of
// the test's own; a provider that says which key it was sent.
#include "bridge/key_source.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "async/task_group.h"
#include "base/testing.h"

namespace cove::bridge {
namespace {

std::string Json(std::string_view id, WallTime until) {
  return R"({"Version":1,"AccessKeyId":")" + std::string(id) +
         R"(","SecretAccessKey":"s/e+c","SessionToken":"tok","Expiration":")" + FormatIso(until) +
         R"("})";
}
WallTime In(seconds time) {
  return WallTime{WallNow().micros + std::chrono::duration_cast<microseconds>(time).count()};
}

class KeySourceTest : public testing::Test {
 protected:
  Result<Provider> Load(std::vector<std::string> files) {
    ProviderConfig config;
    config.name = "rock";
    config.kind = "bedrock";
    config.region = "eu-west-1";
    config.api_key_file = std::move(files);
    return LoadProvider(config);
  }
  static std::string Ids(const KeySource& source) {
    std::string out;
    for (const size_t key : source.Order(Now(), WallNow())) {
      out += (*source.keys())[key].access_key_id + " ";
    }
    return out;
  }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  TempDir dir_;
};

TEST_F(KeySourceTest, ARolesKeyIsReadAsAwsWritesItAndNotUsedWhenItHasEnded) {
  dir_.File("a", Json("AKIDONE", In(seconds(3600))));
  dir_.File("b", Json("AKIDOLD", In(seconds(-1))));
  dir_.File("c", "AKIDUSER:plain");
  const auto provider = Load({dir_ / "b", dir_ / "a", dir_ / "c"});
  ASSERT_TRUE(provider) << provider.error().message();
  const ProviderKey& key = provider->keys.at(1);
  EXPECT_EQ(key.access_key_id, "AKIDONE");
  EXPECT_EQ(key.secret.Reveal(), "s/e+c");
  EXPECT_EQ(key.session_token.Reveal(), "tok");
  EXPECT_EQ(key.hint, "2 (…DONE)");
  const KeySource source(*provider, pool_);
  EXPECT_EQ(Ids(source), "AKIDONE AKIDUSER ");
}

TEST_F(KeySourceTest, AFileThatHasChangedIsReadAgain) {
  dir_.File("a", Json("AKIDONE", In(seconds(-1))));
  const auto provider = Load({dir_ / "a"});
  KeySource source(*provider, pool_);
  EXPECT_EQ(Ids(source), "");
  EXPECT_TRUE(source.due(Now()));
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(Ids(source), "") << "it is the same";
  EXPECT_FALSE(source.due(Now())) << "not at every call";
  EXPECT_TRUE(source.due(Now() + KeySource::kLookEvery));
  dir_.File("a", Json("AKIDTWO", In(seconds(3600))));
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(Ids(source), "AKIDTWO ");
  const KeySource::Keys before = source.keys();
  source.Rest(before, 0, Now() + seconds(60));
  for (const char* wrong : {"", "\n", "{\"AccessKeyId\":\"x\"}", "{", "a:b:c:d", "two words"}) {
    dir_.File("a", wrong);
    loop_.RunUntil(source.Renew());
    EXPECT_EQ(source.keys(), before) << wrong;
  }
  std::filesystem::remove(dir_ / "a");
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(source.keys(), before);
  dir_.File("a", Json("AKIDTWO", before->front().expires_at.value()));
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(source.keys(), before) << "who rests goes on resting";
  dir_.File("a", "AKIDTHREE:s");
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(Ids(source), "AKIDTHREE ");
  source.Rest(before, 0, Now() + seconds(60));
}

TEST_F(KeySourceTest, AFileThatGivesNoKeyLeavesItsOwnAndTakesNothingFromTheOthers) {
  dir_.File("a", "AKIDONE:s");
  dir_.File("b", "AKIDTWO:s");
  const auto provider = Load({dir_ / "a", dir_ / "b"});
  KeySource source(*provider, pool_);
  dir_.File("a", "");
  dir_.File("b", "AKIDNEW:s");
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(Ids(source), "AKIDONE AKIDNEW ");
  EXPECT_EQ(source.keys()->back().hint, "2 (…DNEW)");
  std::filesystem::remove(dir_ / "a");
  std::filesystem::create_directory(dir_ / "a");  // opens, and fails to be read
  dir_.File("b", "AKIDNEWER:s");
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(Ids(source), "AKIDONE AKIDNEWER ");
  EXPECT_FALSE(Load({dir_ / "a"})) << "at start-up it is an error";
}

TEST_F(KeySourceTest, AfterAnErrorFilesAreReadAgainThoughTheyHaveNotChanged) {
  dir_.File("a", "AKIDONE:s");
  const auto provider = Load({dir_ / "a"});
  KeySource source(*provider, pool_);
  dir_.File("a", "AKIDTWO:s");
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);  // a file's stamp is there, and it cannot be opened
  loop_.RunUntil(source.Renew());
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(Ids(source), "AKIDONE ");
  loop_.RunUntil(source.Renew());
  EXPECT_EQ(Ids(source), "AKIDTWO ");
}

async::Task<void> RenewTwice(KeySource* source) {
  async::TaskGroup group;
  for (int i = 0; i < 2; ++i) group.Spawn(source->Renew());
  co_await group.Join();
}

TEST_F(KeySourceTest, WhoHasNoKeyWaitsForWhoReadsIt) {
  dir_.File("a", Json("AKIDONE", In(seconds(-1))));
  const auto provider = Load({dir_ / "a"});
  KeySource source(*provider, pool_);
  dir_.File("a", Json("AKIDTWO", In(seconds(3600))));
  loop_.RunUntil(RenewTwice(&source));
  EXPECT_EQ(Ids(source), "AKIDTWO ");
}

TEST_F(KeySourceTest, MistakesNameTheFileAndNoSecret) {
  for (const std::string text : {R"({"AccessKeyId":"AKID","Expiration":"soon"})",
                                 R"({"SecretAccessKey":"very-secret"})", "{very-secret"}) {
    dir_.File("a", text);
    const auto provider = Load({dir_ / "a"});
    ASSERT_FALSE(provider) << text;
    EXPECT_NE(provider.error().message().find(dir_ / "a"), std::string::npos);
    EXPECT_EQ(provider.error().message().find("very-secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace cove::bridge
