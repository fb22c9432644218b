// Goal: a configuration does what it says or is refused with file, line, key and a way out.
// Method: small texts through the whole reader.
#include "front/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/testing.h"
#include "front/config_keys.h"

namespace cove::front {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  auto config = ParseConfig(text, "cove.toml");
  return config.ok() ? "" : config.error().message();
}

TEST(ConfigTest, AnEmptyFileGivesTheDefaults) {
  auto config = ParseConfig("", "cove.toml");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->control.intervals.auto_stop, 15);
  EXPECT_EQ(config->control.default_snapshot, "host");
  EXPECT_TRUE(config->providers.empty());
}

TEST(ConfigTest, PricesComeFromTheFileTheListAndWhatIsShipped) {
  const TempDir dir;
  dir.File("prices", "openai from-file 2020-01-01 0 3 - - 4 1000 100\n");
  auto config = ParseConfig("[ai]\nprice_file = \"" + dir / "prices" + R"("
retention_days = 7
calls_per_minute = 30
[[ai.prices]]
provider = "local"
model = "llama*"
input = 0
output = 0.5
[[ai.prices]]
provider = "openai"
model = "gpt-5.5"
from = "2020-01-01"
input = 1.25
cached = 0.125
output = 2
)",
                            "cove.toml");
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->books.retention_days, 7);
  EXPECT_EQ(config->books.rates.per_minute, 30);
  const auto prices = LoadPrices(*config);
  ASSERT_TRUE(prices.ok()) << prices.error().message();
  const WallTime now = WallNow();
  EXPECT_EQ(prices->Find("openai", "from-file", now, 0)->output, 4'000'000);
  EXPECT_EQ(prices->Find("local", "llama-9", now, 0)->output, 500'000);
  EXPECT_EQ(prices->Find("openai", "gpt-5.5", now, 0)->cached, 125'000);
  EXPECT_EQ(prices->Find("openai", "gpt-5.5", now, 0)->cache_write, 1'250'000);
  EXPECT_EQ(prices->Find("openai", "gpt-5.4", now, 0)->output, 15'000'000);
  std::filesystem::remove(dir / "prices");
  EXPECT_FALSE(LoadPrices(*config).ok());
  config->price_file = "/";
  EXPECT_THAT(LoadPrices(*config).error().message(), HasSubstr("cannot read /"));
}

TEST(ConfigTest, APriceThatIsNotWholeIsNamed) {
  EXPECT_THAT(ErrorOf("[[ai.prices]]\nprovider = \"x\"\nmodel = \"y\"\ninput = 1\n"),
              HasSubstr("entry 1 of [[ai.prices]]: input and output are missing"));
  EXPECT_THAT(ErrorOf("[[ai.prices]]\ninput = 1\noutput = 1\n"), HasSubstr("entry 1"));
  EXPECT_THAT(ErrorOf("[[ai.prices]]\ninput = \"1\"\n"), HasSubstr("wants a number"));
  EXPECT_THAT(ErrorOf("[[ai.prices]]\nouput = 1\n"), HasSubstr("did you mean ai.prices.[].output"));
}

TEST(ConfigTest, AListOfTablesIsNoTableAndTheOtherWayRound) {
  std::string deep = "[a";
  for (int i = 0; i < 200'000; ++i) deep += ".a";
  EXPECT_THAT(ErrorOf(deep + "]"), HasSubstr("cove.toml:1: a key has more than 32 parts"));
  EXPECT_THAT(ErrorOf("[ai.prices.mine]\nprovider = \"x\"\n"), HasSubstr("no such key"));
  EXPECT_THAT(ErrorOf("[ai.prices.0]\ninput = 1\n"), HasSubstr("no such key"));
  EXPECT_THAT(ErrorOf("[[ai.providers]]\nkind = \"openai\"\n"), HasSubstr("no such key"));
}

TEST(ConfigTest, EveryKindOfKeyIsRead) {
  auto config = ParseConfig(R"(
[server]
public_url = "https://cove.example.com/"
log_level = "warn"
[defaults]
auto_stop_minutes = 0
cpu = 2
memory_gib = 0.5
[limits]
sandboxes = 3
[audit]
disk_gib = 0.25
[policy]
registries = "none"
allow = ["github.com:443", "*.example.org:80,443"]
[ai.providers.openai]
base_url = "http://127.0.0.1:4000/v1"
[ai.providers.local-llm]
kind = "openai"
api_key_env = "LOCAL_API_KEY"
[ai]
texts = "none"
websocket = "refuse"
ask_usage = false
[ai.aliases]
fast = "gpt-5.5-mini"
"claude-4.5" = "claude-opus-4-8"
)",
                            "cove.toml");
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->public_url, "https://cove.example.com");
  EXPECT_EQ(config->control.intervals.auto_stop, 0);
  EXPECT_EQ(config->control.defaults.cpu, 2);
  EXPECT_EQ(config->control.defaults.memory_gib, 0.5);
  EXPECT_EQ(config->control.sandboxes_max, 3u);
  EXPECT_EQ(config->audit_gib, 0.25);
  EXPECT_EQ(config->registries, policy::RegistryMode::kNone);
  EXPECT_EQ(config->standard.rules.size(), 2u);
  ASSERT_EQ(config->providers.size(), 2u);
  EXPECT_EQ(config->providers[0].kind, "openai") << "what is not said stays as it is by default";
  EXPECT_EQ(config->providers[1].name, "local-llm");
  EXPECT_EQ(config->books.texts, bridge::TextMode::kNone);
  EXPECT_EQ(config->wire.websocket, bridge::WireSettings::WebSocket::kRefuse);
  EXPECT_EQ(config->wire.ask_usage, bridge::AskUsage::kNo);
  EXPECT_EQ(config->wire.aliases,
            (bridge::Aliases{{"fast", "gpt-5.5-mini"}, {"claude-4.5", "claude-opus-4-8"}}));
}

TEST(ConfigTest, ProvidersGuardAndCassetteAreRead) {
  auto config = ParseConfig(R"(
[ai]
mode = "replay"
cassette = "/srv/run.cassette"
cassette_match = "order"
[ai.guard]
models = ["gpt-*"]
hosted_tools = []
deny_parameters = "store"
[ai.providers.openai]
api_key_env = ["A", "B"]
api_key_file = "/srv/key"
headers = ["X-Tag: a"]
proxy = "http://proxy:3128"
connect_timeout_s = 0.5
retries = 0
fallback = "other"
forward_agent_credentials = true
)",
                            "cove.toml");
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->tape.mode, bridge::TapeConfig::Mode::kReplay);
  EXPECT_EQ(config->tape.path, "/srv/run.cassette");
  EXPECT_EQ(config->tape.match, bridge::Cassette::Match::kOrder);
  EXPECT_EQ(config->guard.models, std::vector<std::string>{"gpt-*"});
  ASSERT_TRUE(config->guard.hosted_tools) << "an empty list is not the same as none";
  EXPECT_EQ(config->guard.deny_parameters, std::vector<std::string>{"store"});
  const bridge::ProviderConfig& provider = config->providers.at(0);
  EXPECT_EQ(provider.api_key_env, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(provider.api_key_file, std::vector<std::string>{"/srv/key"});
  EXPECT_EQ(provider.headers, std::vector<std::string>{"X-Tag: a"});
  EXPECT_EQ(provider.timeouts.connect, Duration(milliseconds(500)));
  EXPECT_EQ(provider.retries, 0);
  EXPECT_EQ(provider.fallback, "other");
  EXPECT_TRUE(provider.forward_agent_credentials);
  EXPECT_THAT(ErrorOf("[ai]\nmode = \"tape\"\n"), HasSubstr("\"replay\""));
  EXPECT_THAT(ErrorOf("[ai.providers.x]\nretries = 6\n"), HasSubstr("from 0 to 5"));
  EXPECT_THAT(ErrorOf("[ai.guard]\nmodels = 1\n"), HasSubstr("list"));
}

TEST(ConfigTest, AnUnknownKeyNamesTheNearestOne) {
  const std::string text = ErrorOf("[defaults]\nauto_stop_minute = 3\n");
  EXPECT_THAT(text, HasSubstr("cove.toml:2"));
  EXPECT_THAT(text, HasSubstr("defaults.auto_stop_minute:"));
  EXPECT_THAT(text, HasSubstr("did you mean defaults.auto_stop_minutes?"));
  EXPECT_THAT(ErrorOf("[default]\ncpu = 3\n"), HasSubstr("defaults.cpu"));
  EXPECT_THAT(ErrorOf("[ai.providers.\"Open AI\"]\nkind = \"openai\"\n"), HasSubstr("no such key"));
  EXPECT_THAT(ErrorOf("[ai]\ntexts = \"some\"\n"), HasSubstr("redacted"));
  EXPECT_THAT(ErrorOf("[ai.aliases]\nfast = \"\"\n"), HasSubstr("the name of a model"));
}

TEST(ConfigTest, WrongValuesSayWhatWouldDo) {
  EXPECT_THAT(ErrorOf("[defaults]\ncpu = \"two\"\n"), HasSubstr("wants a number"));
  EXPECT_THAT(ErrorOf("[defaults]\ncpu = 0\n"), HasSubstr("from 0.1 to 4096"));
  EXPECT_THAT(ErrorOf("[audit]\ndisk_gib = 0.1\n"), HasSubstr("0, or a number from 0.25"));
  EXPECT_THAT(ErrorOf("[defaults]\nauto_stop_minutes = 1.5\n"), HasSubstr("whole number"));
  EXPECT_THAT(ErrorOf("[policy]\nregistries = \"all\"\n"), HasSubstr("\"host\" or \"none\""));
  EXPECT_THAT(ErrorOf("[policy]\nallow = [\"git*.com\"]\n"), HasSubstr("cove.toml:2"));
  EXPECT_THAT(ErrorOf("[policy]\nalow = [\"github.com\"]\n"), HasSubstr("did you mean 'allow'?"));
  EXPECT_THAT(ErrorOf("[policy.ceiling]\nresolve_to = 1\n"), HasSubstr("cove.toml:2"));
  EXPECT_THAT(ErrorOf("[policy]\nallow = [1]\n"), HasSubstr("cove.toml:2"));
  EXPECT_THAT(ErrorOf("[policy.models]\nallow = [\"x\"]\n"), HasSubstr("[ai.guard]"));
  EXPECT_THAT(ErrorOf("[server]\npublic_url = \"nowhere\"\n"), HasSubstr("https://"));
  EXPECT_THAT(ErrorOf("[server\n"), HasSubstr("cove.toml:1"));
}

TEST(ConfigTest, TheReferencePageIsTheOneThatTheCodePrints) {
  EXPECT_THAT(ConfigReference(), HasSubstr("## [defaults]"));
  std::ifstream file(COVE_SOURCE_DIR "/docs/reference/config.md");
  ASSERT_TRUE(file) << "the sources are not here";
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), ConfigReference())
      << "run: build/bin/cove front --print-config-reference > docs/reference/config.md";
}

}  // namespace
}  // namespace cove::front
