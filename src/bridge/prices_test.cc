// Goal: a call is priced by what its model cost on that day and for that length, in whole
// micro-dollars, and an unknown model is unpriced. Method: small tables, and the shipped one.
#include "bridge/prices.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "bridge/price_list.h"

namespace cove::bridge {
namespace {

WallTime Day(int64_t day_of_2026) {
  constexpr int64_t kNewYear2026 = 1767225600;  // seconds
  return WallTime{(kNewYear2026 + day_of_2026 * 86400) * 1'000'000};
}

constexpr std::string_view kTable = R"(
# a comment
openai  m       2026-01-01 0      1.25  0.125 -    10   1000 100
openai  m       2026-02-01 0      2     0.2   2.5  20   1000 100   # dearer
openai  m       2026-02-01 500    4     0.4   5    30   1000 100
openai  m-mini  2026-01-01 0      0.05  -     -    0.4  1000 100
local   *       2026-01-01 0      0     0     0    0    1000 100
)";

PriceTable Table() { return *PriceTable::Parse(kTable, "test"); }

TEST(Prices, DollarsAreWholeMicros) {
  EXPECT_EQ(ParseDollars("1.25"), 1'250'000);
  EXPECT_EQ(ParseDollars("30"), 30'000'000);
  EXPECT_EQ(ParseDollars("0.000001"), 1);
  for (const char* wrong : {"", "-1", "1.", ".5", "1e3", "0.0000001", "1000001", "1,5", "x"}) {
    EXPECT_FALSE(ParseDollars(wrong)) << wrong;
  }
  EXPECT_EQ(DollarText(1'250'000), "1.25");
  EXPECT_EQ(DollarText(30'000'000), "30.00");
  EXPECT_EQ(DollarText(1), "0.000001");
}

TEST(Prices, TheRowThatHeldOnTheDayCounts) {
  const PriceTable table = Table();
  EXPECT_EQ(table.Find("openai", "m", Day(0), 10)->output, 10'000'000);
  EXPECT_EQ(table.Find("openai", "m", Day(40), 10)->output, 20'000'000);
  EXPECT_EQ(table.Find("openai", "m", Day(-1), 10), nullptr);
}

TEST(Prices, ALongPromptHasItsOwnPrice) {
  const PriceTable table = Table();
  EXPECT_EQ(table.Find("openai", "m", Day(40), 500)->output, 20'000'000);
  EXPECT_EQ(table.Find("openai", "m", Day(40), 501)->output, 30'000'000);
}

TEST(Prices, AModelIsFoundByItsNameOnly) {
  const PriceTable table = Table();
  EXPECT_EQ(table.Find("openai", "m-mini", Day(40), 0)->output, 400'000);
  EXPECT_EQ(table.Find("openai", "m-2026-01-15", Day(40), 0)->output, 20'000'000);
  EXPECT_EQ(table.Find("openai", "m-20260115", Day(40), 0)->output, 20'000'000);
  EXPECT_EQ(table.Find("openai", "m-large", Day(40), 0), nullptr);
  EXPECT_EQ(table.Find("openai", "", Day(40), 0), nullptr);
  EXPECT_EQ(table.Find("other", "m", Day(40), 0), nullptr);
  EXPECT_EQ(table.Find("local", "anything", Day(40), 0)->output, 0);
}

TEST(Prices, TheOperatorsRowsGoBeforeTheShippedOnes) {
  PriceTable own = *PriceTable::Parse("openai gpt-5.5 2020-01-01 0 1 1 1 1 1000 100", "own");
  own.Fallback(PriceTable::Shipped());
  EXPECT_EQ(own.Find("openai", "gpt-5.5", Day(300), 0)->output, 1'000'000);
  EXPECT_EQ(own.Find("openai", "gpt-5.4", Day(300), 0)->output, 15'000'000);
}

TEST(Prices, CostIsTheSumRoundedUp) {
  const Price price = *Table().Find("openai", "m", Day(40), 0);
  Usage usage;
  usage.input = 1000;      // 2000 micros
  usage.cached = 10;       // 2
  usage.cache_write = 10;  // 25
  usage.output = 1;        // 20
  EXPECT_EQ(CostOf(price, usage), 2047);
  usage.cached = 11;  // 2.2
  EXPECT_EQ(CostOf(price, usage), 2048);
  EXPECT_EQ(CostOf(price, Usage{}), 0);
}

TEST(Prices, ABadLineIsNamed) {
  for (const char* wrong :
       {"openai m", "openai m 2026-1-1 0 1 1 1 1 1 1", "openai m 2026-02-29 0 1 1 1 1 1 1",
        "openai m 2026-01-01 0 x 1 1 1 1 1", "openai m*x 2026-01-01 0 1 1 1 1 1 1",
        "openai m 2026-01-01 -1 1 1 1 1 1 1"}) {
    const auto table = PriceTable::Parse("\n" + std::string(wrong), "prices.txt");
    ASSERT_FALSE(table.ok()) << wrong;
    EXPECT_TRUE(table.error().message().starts_with("prices.txt:2")) << table.error().message();
  }
}

TEST(Prices, WritesForAnHourAndSearchesHaveTheirOwn) {
  const PriceTable table = *PriceTable::Parse(
      "a m 2020-01-01 0 1 0.1 1.25 5 1000 1000 2 10\na n 2020-01-01 0 1 0.1 1.25 5 1000 1000\n"
      "a o 2020-01-01 0 1 0.1 1.25 5 1000 1000 - 10\n",
      "test");
  Usage usage;
  usage.cache_write = 1'000'000;
  usage.cache_write_1h = 400'000;
  usage.web_searches = 3;
  EXPECT_EQ(CostOf(*table.Find("a", "m", Day(1), 0), usage), 750'000 + 800'000 + 30'000);
  EXPECT_EQ(CostOf(*table.Find("a", "n", Day(1), 0), usage), 1'250'000);
  EXPECT_EQ(CostOf(*table.Find("a", "o", Day(1), 0), usage), 1'280'000);
  usage.cache_write_1h = 2'000'000;
  EXPECT_EQ(CostOf(*table.Find("a", "m", Day(1), 0), usage), 2'030'000) << "a part is no more";
  EXPECT_FALSE(PriceTable::Parse("a m 2020-01-01 0 1 1 1 1 1 1 1 1 1", "x"));
  EXPECT_FALSE(PriceTable::Parse("a m 2020-01-01 0 1 1 1 1 1 1 x", "x"));
}

TEST(Prices, TheShippedListKnowsTheModelsOfTheAgents) {
  const PriceTable& table = PriceTable::Shipped();
  EXPECT_GT(table.rows().size(), 50U);
  for (const Price& row : table.rows()) {
    EXPECT_LE(row.from, kPriceListDay) << row.model;
    EXPECT_LE(row.cached, row.input) << row.model;
    EXPECT_GE(row.output, row.input) << row.model;
  }
  EXPECT_EQ(table.Find("openai", "gpt-6.1-sol", Day(320), 0)->cached, 100'000);
  EXPECT_EQ(table.Find("openai", "gpt-5.6-sol", Day(200), 0)->output, 30'000'000);
  EXPECT_EQ(table.Find("openai", "gpt-5.6-sol", Day(320), 0)->output, 20'000'000);
  EXPECT_EQ(table.Find("anthropic", "claude-haiku-4-5-20251001", Day(320), 0)->input, 1'000'000);
  EXPECT_EQ(table.Find("anthropic", "claude-haiku-5-5", Day(320), 100'001)->input, 500'000);
  EXPECT_EQ(table.Find("anthropic", "claude-opus-4-8", Day(320), 0)->cache_write_1h, 10'000'000);
  EXPECT_EQ(table.Find("anthropic", "claude-opus-4-8", Day(320), 0)->web_search, 10'000);
  const auto rock = [&table](std::string_view model) {
    const Price* price = table.Find("bedrock", model, Day(320), 0);
    return price == nullptr ? -1 : price->input;
  };
  EXPECT_EQ(rock("global.anthropic.claude-haiku-4-5-20251001-v1:0"), 1'000'000);
  EXPECT_EQ(rock("us.anthropic.claude-haiku-4-5-20251001-v1:0"), 1'100'000);
  EXPECT_EQ(rock("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-8"),
            5'500'000);
  EXPECT_EQ(rock("global.anthropic.claude-sonnet-4-20250514-v1:0"), 3'000'000);
  const Price* regional = table.Find("bedrock", "claude-haiku-5-5", Day(320), 100'001);
  EXPECT_EQ(regional->cached, 55'000);
  EXPECT_EQ(regional->cache_write, 687'500);
  EXPECT_EQ(regional->cache_write_1h, 1'100'000);
  EXPECT_EQ(regional->output, 2'750'000);
  EXPECT_EQ(regional->web_search, 0);
  EXPECT_EQ(table.Find("bedrock", "claude-opus-4-1", Day(320), 0)->output, 75'000'000);
  EXPECT_EQ(rock("arn:aws:bedrock:us-east-1:1:application-inference-profile/a"), -1);
}

}  // namespace
}  // namespace cove::bridge
