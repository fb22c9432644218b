// Goal: usage is right for every API and survives whatever surrounds it; texts are bounded.
// Method: answers as the providers send them, fed whole and byte by byte; what only a test would
// send.
#include "bridge/answer_reader.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

struct Read {
  Usage usage;
  std::string id;
  bool complete;
};

Read ReadIn(Api api, AnswerForm form, std::string_view text, size_t step) {
  AnswerReader reader(api, form);
  for (size_t at = 0; at < text.size(); at += step) reader.Feed(text.substr(at, step));
  reader.Finish();
  const AnswerFacts& facts = reader.facts();
  return {facts.usage, facts.response_id, facts.complete};
}

Read ReadBoth(Api api, AnswerForm form, std::string_view text) {
  Read whole = ReadIn(api, form, text, text.size());
  Read bytes = ReadIn(api, form, text, 1);
  EXPECT_EQ(whole.usage, bytes.usage);
  EXPECT_EQ(whole.id, bytes.id);
  return whole;
}

constexpr std::string_view kCompleted =
    R"({"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":100,)"
    R"("input_tokens_details":{"cached_tokens":60},"output_tokens":20,)"
    R"("output_tokens_details":{"reasoning_tokens":5},"total_tokens":120}}})";

Usage Expected(int64_t input, int64_t cached, int64_t output, int64_t reasoning) {
  Usage u;
  u.known = true;
  u.input = input;
  u.cached = cached;
  u.output = output;
  u.reasoning = reasoning;
  return u;
}

TEST(AnswerReaderTest, ResponsesStreamTellsItInTheLastEvent) {
  const std::string text =
      "event: response.created\ndata: "
      R"({"type":"response.created","response":{"id":"resp_1","usage":null}})"
      "\n\ndata: " +
      std::string(kCompleted) + "\n\n";
  Read got = ReadBoth(Api::kResponses, AnswerForm::kSse, text);
  EXPECT_EQ(got.usage, Expected(40, 60, 20, 5));
  EXPECT_EQ(got.id, "resp_1");
  EXPECT_TRUE(got.complete);
}

TEST(AnswerReaderTest, AMalformedEventCostsOnlyItself) {
  const std::string text = "data: {\"usage\": \n\ndata: [1,2\n\ndata: " + std::string(kCompleted) +
                           "\n\ndata: {\"usage\":}\n\n";
  EXPECT_EQ(ReadBoth(Api::kResponses, AnswerForm::kSse, text).usage, Expected(40, 60, 20, 5));
}

TEST(AnswerReaderTest, ATextThatSpeaksOfUsageIsNotUsage) {
  const std::string text =
      R"(data: {"type":"response.output_text.done","text":"{\"usage\":{\"input_tokens\":9}}"})"
      "\n\n"
      R"(data: {"type":"response.output_item.done","usage":{"input_tokens":9},"response":{"id":"x","usage":{"input_tokens":9}}})"
      "\n\n";
  EXPECT_FALSE(ReadBoth(Api::kResponses, AnswerForm::kSse, text).usage.known);
}

TEST(AnswerReaderTest, AStreamWithoutItsLastBlankLineStillCounts) {
  const std::string text = "data: " + std::string(kCompleted);
  EXPECT_TRUE(ReadBoth(Api::kResponses, AnswerForm::kSse, text).usage.known);
}

TEST(AnswerReaderTest, AWholeResponseHasItToo) {
  Read got = ReadBoth(Api::kResponses, AnswerForm::kJson,
                      R"({"id":"resp_2","usage":{"input_tokens":7,"output_tokens":3}})");
  EXPECT_EQ(got.usage, Expected(7, 0, 3, 0));
  EXPECT_EQ(got.id, "resp_2");
}

TEST(AnswerReaderTest, ChatTellsItInTheChunkThatHasIt) {
  const std::string text =
      R"(data: {"id":"c1","choices":[{"delta":{"content":"x"}}],"usage":null})"
      "\n\n"
      R"(data: {"id":"c1","choices":[],"usage":{"prompt_tokens":50,"prompt_tokens_details":)"
      R"({"cached_tokens":10},"completion_tokens":8,"completion_tokens_details":{"reasoning_tokens":2}}})"
      "\n\ndata: [DONE]\n\n";
  Read got = ReadBoth(Api::kChatCompletions, AnswerForm::kSse, text);
  EXPECT_EQ(got.usage, Expected(40, 10, 8, 2));
  EXPECT_TRUE(got.complete);
}

TEST(AnswerReaderTest, MessagesCountTheLastDeltaAndAddNothingUp) {
  const std::string text =
      R"(data: {"type":"message_start","message":{"id":"m1","usage":{"input_tokens":11,)"
      R"("cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":5}}})"
      "\n\n"
      R"(data: {"type":"message_delta","usage":{"output_tokens":61}})"
      "\n\n"
      R"(data: {"type":"message_stop"})"
      "\n\n";
  Usage want = Expected(11, 4, 61, 0);
  want.cache_write = 2;
  Read got = ReadBoth(Api::kMessages, AnswerForm::kSse, text);
  EXPECT_EQ(got.usage, want);
  EXPECT_EQ(got.id, "m1");
  EXPECT_TRUE(got.complete);
}

TEST(AnswerReaderTest, AUsageThatDoesNotTellBothCountsTellsNothing) {
  const auto known = [](Api api, const std::string& usage) {
    return ReadBoth(api, AnswerForm::kJson, R"({"id":"a","usage":)" + usage + "}").usage.known;
  };
  const std::string huge = "9223372036854775808";
  for (const Api api : {Api::kResponses, Api::kMessages}) {
    EXPECT_TRUE(known(api, R"({"input_tokens":1,"output_tokens":0})"));
    for (const std::string& usage :
         {std::string("{}"), std::string(R"({"total_tokens":9})"),
          std::string(R"({"input_tokens":5})"), std::string(R"({"output_tokens":5})"),
          std::string(R"({"input_tokens":-5,"output_tokens":5})"),
          std::string(R"({"input_tokens":5.5,"output_tokens":5})"),
          R"({"input_tokens":)" + huge + R"(,"output_tokens":5})",
          R"({"input_tokens":5,"output_tokens":)" + huge + "}"}) {
      EXPECT_FALSE(known(api, usage)) << usage;
    }
  }
  EXPECT_TRUE(known(Api::kChatCompletions, R"({"prompt_tokens":1,"completion_tokens":0})"));
  EXPECT_FALSE(known(Api::kChatCompletions, "{}"));
  EXPECT_FALSE(known(Api::kChatCompletions, R"({"total_tokens":9})"));
  EXPECT_FALSE(known(Api::kChatCompletions, R"({"prompt_tokens":1})"));
}

TEST(AnswerReaderTest, MessagesThatEndEarlyCountWhatWasSaid) {
  const std::string begun =
      R"(data: {"type":"message_start","message":{"id":"m1","usage":{"input_tokens":11,)"
      R"("output_tokens":1}}})"
      "\n\n"
      R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking"}})"
      "\n\n"
      R"(data: {"type":"content_block_delta","index":0,"delta":{"thinking":"12345678"}})"
      "\n\n"
      R"(data: {"type":"content_block_delta","index":1,"delta":{"text":"1234567890123456"}})"
      "\n\n"
      R"(data: {"type":"content_block_delta","index":2,"delta":{"partial_json":"{\"a\":12}"}})"
      "\n\n";
  Usage want = Expected(11, 0, 9, 0);  // 1 and 32 bytes
  want.output_guessed = true;
  EXPECT_EQ(ReadBoth(Api::kMessages, AnswerForm::kSse, begun).usage, want);
  const std::string failed = begun +
                             R"(data: {"type":"error","error":{"type":"overloaded_error"}})" +
                             "\n\ndata: {\"type\":\"message_stop\"}\n\n";
  EXPECT_EQ(ReadBoth(Api::kMessages, AnswerForm::kSse, failed).usage, want);
  const std::string without =
      begun + R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}})" + "\n\n";
  EXPECT_EQ(ReadBoth(Api::kMessages, AnswerForm::kSse, without).usage, want);
  const std::string whole =
      begun + R"(data: {"type":"message_delta","usage":{"output_tokens":64000}})" + "\n\n";
  EXPECT_EQ(ReadBoth(Api::kMessages, AnswerForm::kSse, whole).usage, Expected(11, 0, 64000, 0));
}

AnswerFacts Facts(Api api, AnswerForm form, std::string_view text) {
  AnswerReader reader(api, form);
  reader.Feed(text);
  reader.Finish();
  return reader.TakeFacts();
}

TEST(AnswerReaderTest, AnEventOfAnySizeTellsItsUsage) {
  const std::string text =
      R"(data: {"type":"response.completed","response":{"id":"r","output":[{"id":"ig_1",)"
      R"("type":"image_generation_call","result":")" +
      std::string(size_t{20} << 20, 'A') +
      R"("}],"usage":{"input_tokens":7,"output_tokens":3}}})"
      "\n\n";
  const AnswerFacts facts = Facts(Api::kResponses, AnswerForm::kSse, text);
  EXPECT_EQ(facts.usage, Expected(7, 0, 3, 0));
  ASSERT_EQ(facts.tools().size(), 1U);
  EXPECT_EQ(facts.tools()[0].name, "image_generation");
  EXPECT_FALSE(facts.cut) << "nothing that is kept was cut";
}

TEST(AnswerReaderTest, TextThatIsNotSoundCostsOnlyItself) {
  const std::string text =
      R"(data: {"response":{"usage":{"input_tokens":7,"output_tokens":3},"output":[{"type":)"
      R"("function_call","id":"f","name":"n","arguments":"\ud83d"}]},"type":"response.completed"})"
      "\n\n";
  const AnswerFacts facts = Facts(Api::kResponses, AnswerForm::kSse, text);
  EXPECT_EQ(facts.usage, Expected(7, 0, 3, 0));
  ASSERT_EQ(facts.tools().size(), 1U);
  EXPECT_EQ(facts.tools()[0].input, "\xef\xbf\xbd");
}

TEST(AnswerReaderTest, TextsAreBounded) {
  std::string text;
  for (size_t i = 0; i < AnswerFacts::kItemsMax + 9; ++i) {
    text +=
        R"(data: {"type":"response.output_item.done","item":{"type":"custom_tool_call","name":"n",)"
        R"("call_id":"c)" +
        std::to_string(i) + R"(","input":")" + std::string(i == 0 ? 2 * kTextBytesMax : 4000, 'x') +
        "\"}}\n\n";
  }
  const AnswerFacts facts = Facts(Api::kResponses, AnswerForm::kSse, text);
  EXPECT_TRUE(facts.cut);
  ASSERT_EQ(facts.tools().size(), AnswerFacts::kItemsMax);
  EXPECT_TRUE(facts.tools()[0].cut);
  EXPECT_LE(facts.tools()[0].input.size(), kTextBytesMax);
  size_t bytes = 0;
  for (const ToolCall& tool : facts.tools()) bytes += tool.input.size();
  EXPECT_LE(bytes, AnswerFacts::kBytesMax);

  std::string deltas = R"(data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c"}]}}]})"
                       "\n\n";
  for (int i = 0; i < 40; ++i) {
    deltas += R"(data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":")" +
              std::string(4000, 'y') + "\"}}]}}]}\n\n";
  }
  const AnswerFacts chat = Facts(Api::kChatCompletions, AnswerForm::kSse, deltas);
  ASSERT_EQ(chat.tools().size(), 1U);
  EXPECT_EQ(chat.tools()[0].input.size(), kTextBytesMax);
  EXPECT_TRUE(chat.tools()[0].cut);
}

TEST(AnswerReaderTest, APartIsNeverMoreThanTheWhole) {
  const AnswerFacts facts = Facts(
      Api::kResponses, AnswerForm::kJson,
      R"({"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":9},"output_tokens":0}})");
  EXPECT_EQ(facts.usage, Expected(0, 9, 0, 0));
}

TEST(AnswerReaderTest, KnowsTheFormByTheContentType) {
  EXPECT_EQ(FormOf("Text/Event-Stream; charset=utf-8"), AnswerForm::kSse);
  EXPECT_EQ(FormOf("application/json"), AnswerForm::kJson);
  EXPECT_EQ(FormOf(""), AnswerForm::kOther);
}

}  // namespace
}  // namespace cove::bridge
