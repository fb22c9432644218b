// Goal: usage is right for every API and survives whatever surrounds it.
// Method: answers as the providers send them, fed whole and byte by byte.
#include "bridge/usage.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

struct Read {
  Usage usage;
  std::string id;
  bool complete;
};

Read ReadIn(Api api, AnswerForm form, std::string_view text, size_t step) {
  UsageReader reader(api, form);
  for (size_t at = 0; at < text.size(); at += step) reader.Feed(text.substr(at, step));
  reader.Finish();
  return {reader.usage(), reader.response_id(), reader.complete()};
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

TEST(UsageReaderTest, ResponsesStreamTellsItInTheLastEvent) {
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

TEST(UsageReaderTest, AMalformedEventCostsOnlyItself) {
  const std::string text = "data: {\"usage\": \n\ndata: [1,2\n\ndata: " + std::string(kCompleted) +
                           "\n\ndata: {\"usage\":}\n\n";
  EXPECT_EQ(ReadBoth(Api::kResponses, AnswerForm::kSse, text).usage, Expected(40, 60, 20, 5));
}

TEST(UsageReaderTest, ATextThatSpeaksOfUsageIsNotUsage) {
  const std::string text =
      R"(data: {"type":"response.output_text.done","text":"{\"usage\":{\"input_tokens\":9}}"})"
      "\n\n"
      R"(data: {"type":"response.output_item.done","usage":{"input_tokens":9},"response":{"id":"x","usage":{"input_tokens":9}}})"
      "\n\n";
  EXPECT_FALSE(ReadBoth(Api::kResponses, AnswerForm::kSse, text).usage.known);
}

TEST(UsageReaderTest, AStreamWithoutItsLastBlankLineStillCounts) {
  const std::string text = "data: " + std::string(kCompleted);
  EXPECT_TRUE(ReadBoth(Api::kResponses, AnswerForm::kSse, text).usage.known);
}

TEST(UsageReaderTest, AWholeResponseHasItToo) {
  Read got = ReadBoth(Api::kResponses, AnswerForm::kJson,
                      R"({"id":"resp_2","usage":{"input_tokens":7,"output_tokens":3}})");
  EXPECT_EQ(got.usage, Expected(7, 0, 3, 0));
  EXPECT_EQ(got.id, "resp_2");
}

TEST(UsageReaderTest, ChatTellsItInTheChunkThatHasIt) {
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

TEST(UsageReaderTest, MessagesCountTheLastDeltaAndAddNothingUp) {
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

TEST(UsageReaderTest, KnowsTheFormByTheContentType) {
  EXPECT_EQ(FormOf("Text/Event-Stream; charset=utf-8"), AnswerForm::kSse);
  EXPECT_EQ(FormOf("application/json"), AnswerForm::kJson);
  EXPECT_EQ(FormOf(""), AnswerForm::kOther);
}

}  // namespace
}  // namespace cove::bridge
