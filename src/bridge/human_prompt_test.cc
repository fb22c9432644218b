// Goal: the prompt is the human's last turn and nothing else.
// Method: requests in the shapes of the three APIs.
#include "bridge/human_prompt.h"

#include <gtest/gtest.h>

#include "bridge/answer_facts.h"

namespace cove::bridge {
namespace {

std::string Of(Api api, std::string_view request) {
  return HumanPrompt(api, *json::ParseObject(request));
}

TEST(HumanPromptTest, IsTheLastTurnOfTheUser) {
  EXPECT_EQ(Of(Api::kResponses, R"({"input":"hello"})"), "hello");
  EXPECT_EQ(Of(Api::kResponses, R"({"input":[{"role":"user","content":"first"},{"role":"user",
      "content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:x"},
                 {"type":"input_text","text":"b"}]}]})"),
            "a\nb");
  EXPECT_EQ(Of(Api::kChatCompletions, R"({"messages":[{"role":"user","content":"x"}]})"), "x");
  EXPECT_EQ(Of(Api::kMessages, R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},
      {"type":"text","text":"b"}]}]})"),
            "b");
}

TEST(HumanPromptTest, ResultsOfToolsAreNone) {
  EXPECT_EQ(Of(Api::kResponses, R"({"input":[{"role":"user","content":"x"},
      {"type":"function_call_output","call_id":"c","output":"o"}]})"),
            "");
  EXPECT_EQ(Of(Api::kChatCompletions, R"({"messages":[{"role":"user","content":"x"},
      {"role":"tool","content":"o"}]})"),
            "");
  EXPECT_EQ(Of(Api::kMessages, R"({"messages":[{"role":"user","content":[
      {"type":"tool_result","content":"o"},{"type":"text","text":"reminder"}]}]})"),
            "");
  for (const char* odd :
       {"{}", R"({"input":[]})", R"({"input":[7]})", R"({"messages":{}})",
        R"({"messages":[{"role":"user"}],"input":[{"role":"user","content":[7]}]})"}) {
    for (const Api api : {Api::kResponses, Api::kChatCompletions, Api::kMessages}) {
      EXPECT_EQ(Of(api, odd), "") << odd;
    }
  }
}

TEST(HumanPromptTest, IsCutAtACharacter) {
  const std::string request = R"({"input":"x)" + [] {
    std::string out;
    for (size_t i = 0; i < kTextBytesMax; ++i) out += "\xc3\xa9";
    return out;
  }() + "\"}";
  EXPECT_EQ(Of(Api::kResponses, request).size(), kTextBytesMax - 1);
}

}  // namespace
}  // namespace cove::bridge
