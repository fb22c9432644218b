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

Ask Read(Api api, std::string_view body) {
  const json::Object request = *json::ParseObject(body);
  return ReadAsk(api, request, ReachOf(request));
}

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

TEST(Ask, AnotherApisNameForTheLongestAnswerIsNotBelieved) {
  EXPECT_FALSE(Read(Api::kChatCompletions, R"({"max_output_tokens":1})").output_max);
  EXPECT_FALSE(Read(Api::kMessages, R"({"max_output_tokens":1})").output_max);
  EXPECT_FALSE(Read(Api::kMessages, R"({"max_completion_tokens":1})").output_max);
  EXPECT_FALSE(Read(Api::kResponses, R"({"max_tokens":1,"max_completion_tokens":1})").output_max);
}

TEST(Ask, WhatTheProviderFetchesOrKeepsIsOfUnknownSize) {
  const auto hidden = [](std::string_view content) {
    const std::string text(content);
    return Read(Api::kResponses, R"({"input":[{"role":"user","content":[)" + text + "]}]}")
               .hidden_context ||
           Read(Api::kMessages, R"({"messages":[{"role":"user","content":[)" + text + "]}]}")
               .hidden_context;
  };
  for (const char* content :
       {R"({"type":"input_file","file_url":"https://docs.example.org/big.pdf"})",
        R"({"type":"input_file","file_id":"file-1"})",
        R"({"type":"input_image","file_id":"file-1"})",
        R"({"type":"input_image","image_url":"https://docs.example.org/a.png"})",
        R"({"type":"file","file":{"file_id":"file-1"}})",
        R"({"type":"document","source":{"type":"url","url":"https://docs.example.org/big.pdf"}})",
        R"({"type":"image","source":{"type":"file","file_id":"f"}})",
        R"({"type":"container_upload","file_id":"f"})",
        R"({"type":"function_call_output","output":[{"type":"input_file","file_id":"f"}]})",
        R"({"type":"item_reference","id":"msg_1"})", R"({"audio":{"id":"audio_1"}})",
        R"({"type":"reasoning","id":"rs_1","summary":[]})",
        R"({"type":"image_generation_call","id":"ig_1"})"}) {
    EXPECT_TRUE(hidden(content)) << content;
  }
  for (const char* content :
       {R"({"type":"input_text","text":"file_id https://docs.example.org"})",
        R"({"type":"input_image","image_url":"data:image/png;base64,AA"})",
        R"({"type":"input_file","file_data":"data:application/pdf;base64,AA","file_id":null})",
        R"({"type":"image","source":{"type":"base64","data":"AA"}})",
        R"({"type":"tool_use","id":"t","input":{"file_id":"f"}})",
        R"({"type":"function_call","id":"fc_1","arguments":"{\"file_id\":1}"})",
        R"({"type":"reasoning","id":"rs_1","encrypted_content":"AA"})",
        R"({"type":"image_generation_call","id":"ig_1","result":"AA"})"}) {
    EXPECT_FALSE(hidden(content)) << content;
  }
  const auto with = [](const std::string& tool) {
    return Read(Api::kResponses, R"({"tools":[{"type":")" + tool + R"(","parameters":{}}]})");
  };
  for (const char* tool : {"mcp", "web_fetch_20250910", "file_search", "code_interpreter", "new"}) {
    EXPECT_TRUE(with(tool).hidden_context) << tool;
  }
  EXPECT_FALSE(with("function").hidden_context);
  EXPECT_FALSE(with("function").searches);
  EXPECT_FALSE(with("web_search").hidden_context);
  EXPECT_TRUE(with("web_search").searches);
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
  CallStart searching = Start(10);
  searching.ask.searches = true;
  EXPECT_EQ(MostOf(table, searching, 0, kNow), 2500 + 2000) << "much is found";
}

TEST(Ask, WhatNameCannotBeRememberedGoesOnWithAnything) {
  const auto continues = [](size_t bytes) {
    return Read(Api::kResponses, R"({"previous_response_id":")" + std::string(bytes, 'r') + "\"}");
  };
  EXPECT_EQ(continues(256).continues.size(), 256U);
  EXPECT_FALSE(continues(256).hidden_context);
  EXPECT_EQ(continues(257).continues, "");
  EXPECT_TRUE(continues(257).hidden_context);
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
