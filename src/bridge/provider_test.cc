// Goal: a wrong provider entry says what is wrong, and keys come from where they are said to be.
// Method: entries with an environment of the test's own.
#include "bridge/provider.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

std::string Env(const std::string& name) { return name == "OPENAI_API_KEY" ? " sk-1\n" : ""; }

TEST(ProviderTest, TheUsualTwoExistByDefault) {
  auto got = LoadProviders({}, &Env);
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->size(), 2U);
  EXPECT_EQ((*got)[0].keys.at(0).secret.Reveal(), "sk-1");
  EXPECT_EQ((*got)[0].base.host, "api.openai.com");
  EXPECT_EQ((*got)[0].base.target, "/v1");
  EXPECT_TRUE((*got)[1].keys.empty());
  EXPECT_NE((*got)[1].key_hint.find("ANTHROPIC_API_KEY"), std::string::npos);
}

ProviderConfig Entry(std::string name, std::string kind, std::string base_url = "") {
  ProviderConfig out;
  out.name = std::move(name);
  out.kind = std::move(kind);
  out.base_url = std::move(base_url);
  return out;
}

TEST(ProviderTest, AnEntryReplacesTheDefaultAndKeepsItsVariable) {
  auto got = LoadProviders({Entry("openai", "openai", "http://127.0.0.1:9/v1/")}, &Env);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ((*got)[0].base.port, 9);
  EXPECT_EQ((*got)[0].base.target, "/v1");
  EXPECT_EQ((*got)[0].keys.at(0).secret.Reveal(), "sk-1");
}

TEST(ProviderTest, MistakesNameTheKeyOfTheConfiguration) {
  std::vector<ProviderConfig> bad = {Entry("Bad Name", "openai"),
                                     Entry("-x", "openai"),
                                     Entry("x-", "openai"),
                                     Entry("x--y", "openai"),
                                     Entry("", "openai"),
                                     Entry("x", "openia"),
                                     Entry("x", "openai", "ftp//"),
                                     Entry("x", "openai", "https://a/v1?b=c"),
                                     Entry("x", "openai", "unix:/tmp/x:/"),
                                     Entry("x", "openai")};
  bad.back().api_key_file = {"/nonexistent/key"};
  for (const char* header : {"Host: x", "Content-Length: 3", "X-Y", ": x", "X: a\nb"}) {
    bad.push_back(Entry("x", "openai"));
    bad.back().headers = {header};
  }
  for (const char* proxy : {"host:3128", "socks5://h", "http://h/path", "unix:/tmp/x"}) {
    bad.push_back(Entry("x", "openai"));
    bad.back().proxy = proxy;
  }
  bad.push_back(Entry("x", "openai"));
  bad.back().ca_file = "/nonexistent/ca.pem";
  bad.push_back(Entry("x", "openai"));
  bad.back().api_key_env = {"MY_SECRET"};
  for (const ProviderConfig& config : bad) {
    auto got = LoadProvider(config, &Env);
    ASSERT_FALSE(got.ok()) << config.name << config.base_url << config.proxy;
    EXPECT_NE(got.error().message().find("ai.providers." + config.name), std::string::npos)
        << got.error().message();
  }
}

TEST(ProviderTest, AKeyThatWouldForgeAHeaderIsRefused) {
  auto env = [](const std::string&) -> std::string { return "a\r\nX: y"; };
  ProviderConfig config = Entry("x", "openai");
  config.api_key_env = {"K_API_KEY"};
  EXPECT_FALSE(LoadProvider(config, env).ok());
}

TEST(ProviderTest, SeveralKeysAreInTheirOrderAndKnownByHintsThatDoNotShowThem) {
  auto env = [](const std::string& name) -> std::string {
    return name == "MISSING_API_KEY" ? ""
           : name == "LONG_API_KEY"  ? "sk-0123456789abcdef9f2a"
                                     : "short";
  };
  ProviderConfig config = Entry("x", "openai");
  config.api_key_env = {"MISSING_API_KEY", "SHORT_AUTH_TOKEN", "LONG_API_KEY"};
  auto got = LoadProvider(config, env);
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->keys.size(), 2U);
  EXPECT_EQ(got->keys[0].hint, "1");
  EXPECT_EQ(got->keys[1].hint, "2 (…9f2a)");
}

std::string AwsEnv(const std::string& name) {
  if (name == "AWS_REGION") return "us-east-1";
  if (name == "AWS_ACCESS_KEY_ID") return "AKIDEXAMPLE";
  return name == "AWS_SECRET_ACCESS_KEY" ? "a/secret+of=40" : "";
}

TEST(ProviderTest, BedrockHasARegionAndTakesWhatAwsOwnClientsTake) {
  auto got = LoadProvider(Entry("rock", "bedrock"), AwsEnv);
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(got->base.host, "bedrock-runtime.us-east-1.amazonaws.com");
  ASSERT_EQ(got->keys.size(), 1U);
  EXPECT_EQ(got->keys[0].access_key_id, "AKIDEXAMPLE");
  EXPECT_EQ(got->keys[0].secret.Reveal(), "a/secret+of=40");
  EXPECT_EQ(got->keys[0].hint, "1 (…MPLE)");

  ProviderConfig named = Entry("rock", "bedrock");
  named.region = "eu-central-1";
  named.api_key_env = {"AWS_PAIR", "AWS_TEMPORARY", "ROCK_API_KEY"};
  got = LoadProvider(named, [](const std::string& name) -> std::string {
    return name == "AWS_PAIR"        ? "AKID1:s1"
           : name == "AWS_TEMPORARY" ? "AKID2:s2:t2"
                                     : "bedrock-key";
  });
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(got->region, "eu-central-1");
  ASSERT_EQ(got->keys.size(), 3U);
  EXPECT_EQ(got->keys[1].session_token.Reveal(), "t2");
  EXPECT_EQ(got->keys[2].access_key_id, "");
  EXPECT_EQ(got->keys[2].secret.Reveal(), "bedrock-key");
}

TEST(ProviderTest, MistakesAboutBedrockAreTold) {
  const auto message = [](ProviderConfig config, ReadEnv env = AwsEnv) {
    auto got = LoadProvider(config, env);
    return got.ok() ? "" : got.error().message();
  };
  EXPECT_NE(message(Entry("rock", "bedrock"), Env).find("rock.region"), std::string::npos);
  ProviderConfig config = Entry("rock", "bedrock");
  config.region = "evil.test/";
  EXPECT_NE(message(config).find("rock.region"), std::string::npos);
  config = Entry("rock", "bedrock");
  config.forward_agent_credentials = true;
  EXPECT_NE(message(config).find("forward_agent_credentials"), std::string::npos);
  config = Entry("rock", "bedrock");
  config.api_key_env = {"AWS_X"};
  const ReadEnv wrong = [](const std::string& name) -> std::string {
    return name == "AWS_X" ? "AKID:" : "us-east-1";
  };
  EXPECT_NE(message(config, wrong).find("ACCESS_KEY_ID:SECRET_ACCESS_KEY"), std::string::npos);
  EXPECT_EQ(message(config, wrong).find("AKID:"), std::string::npos);
}

TEST(ProviderTest, FallbacksLeadToAnotherProviderOfTheKind) {
  auto load = [](const std::string& of_a, const std::string& of_b) {
    ProviderConfig a = Entry("a", "openai");
    ProviderConfig b = Entry("b", "openai");
    a.fallback = of_a;
    b.fallback = of_b;
    return LoadProviders({a, b}, &Env).ok();
  };
  EXPECT_TRUE(load("b", ""));
  EXPECT_TRUE(load("b", "openai"));
  EXPECT_FALSE(load("b", "a"));
  EXPECT_FALSE(load("a", ""));
  EXPECT_FALSE(load("c", ""));
  EXPECT_FALSE(load("anthropic", ""));
}

TEST(ProviderTest, ANameStandsOnce) {
  EXPECT_FALSE(LoadProviders({Entry("a", "openai"), Entry("a", "anthropic")}, &Env).ok());
}

}  // namespace
}  // namespace cove::bridge
