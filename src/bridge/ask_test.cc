// Goal: what a call can cost at most is never less than what it then costs. Method: requests of
// each API and a small price table.
#include "bridge/ask.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

const WallTime kNow = WallNow();

PriceTable Table() {
  return *PriceTable::Parse(
      "openai m 2020-01-01 0    1 0.1 -    10 1000 100\n"
      "openai m 2020-01-01 500  2 0.2 2.5  20 1000 100\n",
      "test");
}

CallStart Start(uint64_t bytes) {
  CallStart start;
  start.provider = "openai";
  start.model = "m";
  start.request_bytes = bytes;
  return start;
}

Ask Read(Api api, std::string_view body) { return ReadAsk(api, *json::ParseObject(body)); }

TEST(Ask, TheRequestSaysHowMuchMayCome) {
  EXPECT_EQ(Read(Api::kResponses, R"({"max_output_tokens":7})").output_max, 7);
  EXPECT_EQ(Read(Api::kChatCompletions, R"({"max_tokens":7,"max_completion_tokens":9})").output_max,
            9);
  EXPECT_EQ(Read(Api::kMessages, R"({"max_tokens":5})").output_max, 5);
  EXPECT_FALSE(Read(Api::kResponses, R"({"max_output_tokens":-1})").output_max);
  EXPECT_EQ(Read(Api::kChatCompletions, R"({"n":3})").answers, 3);
  EXPECT_EQ(Read(Api::kResponses, R"({"n":3})").answers, 1);
  EXPECT_EQ(Read(Api::kChatCompletions, R"({"n":-3})").answers, 1);
  EXPECT_EQ(Read(Api::kResponses, R"({"previous_response_id":"resp_1"})").continues, "resp_1");
  EXPECT_TRUE(Read(Api::kResponses, R"({"conversation":{"id":"c"}})").hidden_context);
  EXPECT_FALSE(Read(Api::kResponses, R"({"conversation":null})").hidden_context);
}

TEST(Ask, TheMostIsEveryByteATokenAndTheLongestAnswer) {
  const PriceTable table = Table();
  EXPECT_EQ(MostOf(table, Start(100), 0, kNow), 100 + 1000);
  CallStart asked = Start(100);
  asked.ask.output_max = 10;
  EXPECT_EQ(MostOf(table, asked, 0, kNow), 100 + 100);
  asked.ask.answers = 3;
  EXPECT_EQ(MostOf(table, asked, 0, kNow), 100 + 300);
  asked.ask.output_max = 1000;  // the model gives no more than 100
  EXPECT_EQ(MostOf(table, asked, 0, kNow), 100 + 3000);
}

TEST(Ask, ALongPromptCountsAtItsOwnPriceAndAsIfItWereAllWrittenToTheCache) {
  const PriceTable table = Table();
  EXPECT_EQ(MostOf(table, Start(600), 0, kNow), 1500 + 2000);
  EXPECT_EQ(MostOf(table, Start(100), 500, kNow), 1500 + 2000);
  EXPECT_EQ(MostOf(table, Start(1 << 20), 0, kNow), 2500 + 2000) << "no more than the context";
  CallStart hidden = Start(10);
  hidden.ask.hidden_context = true;
  EXPECT_EQ(MostOf(table, hidden, 0, kNow), 2500 + 2000);
}

TEST(Ask, AnUnknownModelHasNoMost) {
  CallStart start = Start(10);
  start.model = "other";
  EXPECT_FALSE(MostOf(Table(), start, 0, kNow));
}

TEST(Ask, AnAnswerWithoutUsageIsGuessedFromItsBytes) {
  CallStart start = Start(4000);
  EXPECT_EQ(GuessUsage(start, 400).output, 100);
  start.stream = true;
  EXPECT_EQ(GuessUsage(start, 4000).output, 20);
  EXPECT_EQ(GuessUsage(start, 4000).input, 1000);
}

}  // namespace
}  // namespace cove::bridge
