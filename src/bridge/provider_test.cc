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
  EXPECT_EQ((*got)[0].key.Reveal(), "sk-1");
  EXPECT_EQ((*got)[0].base.host, "api.openai.com");
  EXPECT_EQ((*got)[0].base.target, "/v1");
  EXPECT_TRUE((*got)[1].key.empty());
  EXPECT_NE((*got)[1].key_hint.find("ANTHROPIC_API_KEY"), std::string::npos);
}

TEST(ProviderTest, AnEntryReplacesTheDefaultAndKeepsItsVariable) {
  auto got = LoadProviders({{"openai", "openai", "http://127.0.0.1:9/v1/", "", ""}}, &Env);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ((*got)[0].base.port, 9);
  EXPECT_EQ((*got)[0].base.target, "/v1");
  EXPECT_EQ((*got)[0].key.Reveal(), "sk-1");
}

TEST(ProviderTest, MistakesNameTheKeyOfTheConfiguration) {
  for (const ProviderConfig& bad :
       std::vector<ProviderConfig>{{"Bad Name", "openai", "", "", ""},
                                   {"x", "openia", "", "", ""},
                                   {"x", "openai", "ftp//", "", ""},
                                   {"x", "openai", "https://a/v1?b=c", "", ""},
                                   {"x", "openai", "", "", "/nonexistent/key"}}) {
    auto got = LoadProvider(bad, &Env);
    ASSERT_FALSE(got.ok());
    EXPECT_FALSE(got.error().message().empty());
  }
}

TEST(ProviderTest, AKeyThatWouldForgeAHeaderIsRefused) {
  auto env = [](const std::string&) -> std::string { return "a\r\nX: y"; };
  EXPECT_FALSE(LoadProvider({"x", "openai", "", "K", ""}, env).ok());
}

}  // namespace
}  // namespace cove::bridge
