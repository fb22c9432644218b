// Goal: an edit changes exactly its place in the body, and nothing is edited that need not be.
// Method: bodies with odd spacing, numbers and keys, compared byte for byte.
#include "bridge/request_edit.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

RequestEdit Edit(std::string_view body, Api api = Api::kChatCompletions,
                 AskUsage ask = AskUsage::kYes) {
  const Aliases aliases = {{"fast", "gpt-\"5\""}};
  return EditRequest(api, body, *json::ParseObject(body), aliases, ask);
}

TEST(RequestEditTest, UsageIsAskedForWhereTheClientDidNot) {
  for (
      const auto& [body, want] : std::initializer_list<std::pair<const char*, const char*>>{
          {R"( {"stream" : true, "odd":1.0})",
           R"( {"stream_options":{"include_usage":true},"stream" : true, "odd":1.0})"},
          {R"({"stream":true,"stream_options":null})",
           R"({"stream":true,"stream_options":{"include_usage":true}})"},
          {R"({"stream_options": { },"stream":true})",
           R"({"stream_options": {"include_usage":true },"stream":true})"},
          {R"({"stream_options":{"x":[{}]},"stream":true})",
           R"({"stream_options":{"include_usage":true,"x":[{}]},"stream":true})"},
          {R"({"stream_options":{"include_usage" : false},"stream":true})",
           R"({"stream_options":{"include_usage" : true},"stream":true})"},
          {R"({"stream":true,"x":{"stream_options":{"include_usage":true}}})",
           R"({"stream_options":{"include_usage":true},"stream":true,"x":{"stream_options":{"include_usage":true}}})"}}) {
    const RequestEdit edit = Edit(body);
    EXPECT_EQ(edit.body, want);
    EXPECT_TRUE(edit.usage_added);
    EXPECT_TRUE(json::ParseObject(edit.body)) << edit.body;
    EXPECT_FALSE(Edit(edit.body).usage_added) << "asked for once";
    EXPECT_EQ(Edit(body, Api::kResponses).body, "");
    EXPECT_EQ(Edit(body, Api::kChatCompletions, AskUsage::kNo).body, "");
  }
}

TEST(RequestEditTest, NothingIsEditedOtherwise) {
  for (const char* body :
       {"{}", R"({"stream":false})", R"({"stream":"true"})", R"({"stream":null})",
        R"({"stream":true,"stream_options":{"include_usage":true}})",
        R"({"stream":true,"stream_options":7})", R"({"model":"slow"})"}) {
    EXPECT_EQ(Edit(body).body, "") << body;
    EXPECT_FALSE(Edit(body).usage_added) << body;
  }
}

TEST(RequestEditTest, AnAliasBecomesTheModelAtItsPlace) {
  const RequestEdit edit = Edit(R"({"a":{"model":"fast"}, "model" : "f\u0061st" ,"stream":true})");
  EXPECT_EQ(
      edit.body,
      R"({"stream_options":{"include_usage":true},"a":{"model":"fast"}, "model" : "gpt-\"5\"" ,"stream":true})");
  EXPECT_EQ(edit.model, "gpt-\"5\"");
  EXPECT_EQ(Edit(R"({"model":"fast","input":""})", Api::kResponses).body,
            R"({"model":"gpt-\"5\"","input":""})");
}

}  // namespace
}  // namespace cove::bridge
