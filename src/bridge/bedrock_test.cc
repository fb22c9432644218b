// Goal: the path of a call to Bedrock is read as what is then sent, and a model is known by its
// name however it is written.
// Method: paths, ids and bodies in, what was understood out.
#include "bridge/bedrock.h"

#include <gtest/gtest.h>

#include "codec/base64.h"

namespace cove::bridge {
namespace {

constexpr std::string_view kArn =
    "arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.anthropic.claude-opus-4-8-v1:0";

TEST(BedrockTest, ThePathNamesAModelAndAVerb) {
  const auto stream =
      ParseBedrockPath("/model/us.anthropic.claude-x-v1%3a0/invoke-with-response-stream");
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->model, "us.anthropic.claude-x-v1:0");
  EXPECT_EQ(stream->verb, BedrockVerb::kInvokeStream);
  EXPECT_EQ(BedrockPath(*stream),
            "/model/us.anthropic.claude-x-v1%3A0/invoke-with-response-stream");
  const auto arn = ParseBedrockPath(
      "/model/"
      "arn:aws:bedrock:us-east-2:111122223333:inference-profile%2Fus.anthropic.claude-opus-4-8-"
      "v1:0/count-tokens");
  ASSERT_TRUE(arn);
  EXPECT_EQ(arn->model, kArn);
  EXPECT_EQ(arn->verb, BedrockVerb::kCountTokens);
  EXPECT_EQ(ParseBedrockPath("/model/fast/invoke")->verb, BedrockVerb::kInvoke);
}

TEST(BedrockTest, EveryOtherPathIsNone) {
  for (const char* path : {"",
                           "/",
                           "/model",
                           "/model/",
                           "/model/x",
                           "/model/x/",
                           "/model//invoke",
                           "/model/x/Invoke",
                           "/model/x/invoke/",
                           "/model/x//invoke",
                           "/model/x/converse",
                           "/model/x/converse-stream",
                           "/model/x/y/invoke",
                           "/model/x%2Fy/invoke",
                           "/model/../invoke",
                           "/model/%2e%2e/invoke",
                           "/model/./invoke",
                           "/model/arn:a%2F..%2Fb/invoke",
                           "/model/arn:a%2F%2Fb/invoke",
                           "/model/x%00/invoke",
                           "/model/x%0d%0a/invoke",
                           "/model/x%3Fy/invoke",
                           "/model/x%/invoke",
                           "/model/x%252F/invoke",
                           "/model/x y/invoke",
                           "/model/x\\y/invoke",
                           "/model/x%23/invoke",
                           "//model/x/invoke",
                           "/Model/x/invoke",
                           "/model/x/invoke%2F..",
                           "/async-invoke",
                           "/guardrail/x/version/1/apply",
                           "/inference-profiles"}) {
    EXPECT_FALSE(ParseBedrockPath(path)) << path;
  }
  EXPECT_FALSE(ParseBedrockPath("/model/" + std::string(2049, 'x') + "/invoke"));
}

TEST(BedrockTest, AModelIsKnownByItsPlainName) {
  for (const std::string_view id :
       {std::string_view("anthropic.claude-opus-4-8"),
        std::string_view("us.anthropic.claude-opus-4-8"),
        std::string_view("global.anthropic.claude-opus-4-8-v1:0"),
        std::string_view("us-gov.anthropic.claude-opus-4-8-v1"),
        std::string_view(
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-8-v1:0"),
        kArn}) {
    EXPECT_EQ(PlainModel(id), "claude-opus-4-8") << id;
    EXPECT_FALSE(IsOpaqueModel(id)) << id;
  }
  EXPECT_EQ(PlainModel("eu.anthropic.claude-haiku-4-5-20251001-v1:0"), "claude-haiku-4-5-20251001");
  EXPECT_TRUE(IsGlobalProfile("global.anthropic.claude-opus-4-8-v1:0"));
  EXPECT_FALSE(IsGlobalProfile(kArn));
  for (const char* id : {"gpt-5.5", "claude-opus-4-8", "meta.llama3-8b-instruct-v1:0",
                         "a.b.anthropic.claude-x", "xanthropic.claude-x", ""}) {
    EXPECT_EQ(PlainModel(id), "") << id;
    EXPECT_FALSE(IsOpaqueModel(id)) << id;
  }
  for (const char* id :
       {"arn:aws:bedrock:us-east-1:1:application-inference-profile/anthropic.claude-x",
        "arn:aws:bedrock:us-east-1:1:provisioned-model/abc", "arn:aws:sagemaker"}) {
    EXPECT_EQ(PlainModel(id), "") << id;
    EXPECT_TRUE(IsOpaqueModel(id)) << id;
  }
}

json::Object Object(std::string_view text) { return *json::ParseObject(text); }

TEST(BedrockTest, TheRequestIsJudgedAsMessagesHasIt) {
  json::Object body = Object(R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9})");
  EXPECT_FALSE(ReadBedrockRequest({"m", BedrockVerb::kInvokeStream}, body));
  EXPECT_EQ(
      json::Write(body),
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"model":"m","stream":true})");
  json::Object counted;
  counted["input"] =
      Object(R"({"invokeModel":{"body":")" +
             codec::EncodeBase64(R"({"anthropic_version":"v","mcp_servers":[]})") + R"("}})");
  EXPECT_FALSE(ReadBedrockRequest({"m", BedrockVerb::kCountTokens}, counted));
  EXPECT_NE(json::Find(counted, "mcp_servers"), nullptr);
}

TEST(BedrockTest, WhatCannotBeJudgedIsRefused) {
  for (const char* text : {"{}", R"({"prompt":"llama"})", R"({"anthropic_version":1})",
                           R"({"anthropic_version":"v","model":"other"})"}) {
    json::Object body = Object(text);
    const auto refusal = ReadBedrockRequest({"anthropic.m", BedrockVerb::kInvoke}, body);
    ASSERT_TRUE(refusal) << text;
    EXPECT_EQ(refusal->status, 400);
  }
  json::Object llama = Object(R"({"prompt":"llama"})");
  EXPECT_EQ(ReadBedrockRequest({"meta.llama3", BedrockVerb::kInvoke}, llama)->status, 501);
  for (const std::string& text :
       {std::string(R"({"anthropic_version":"v"})"), std::string(R"({"input":{"converse":{}}})"),
        std::string(R"({"input":{"invokeModel":{"body":"no base64!"}}})"),
        R"({"input":{"invokeModel":{"body":")" + codec::EncodeBase64("[]") + R"("}}})",
        R"({"input":{"converse":{},"invokeModel":{"body":")" +
            codec::EncodeBase64(R"({"anthropic_version":"v"})") + R"("}}})"}) {
    json::Object body = Object(text);
    EXPECT_TRUE(ReadBedrockRequest({"m", BedrockVerb::kCountTokens}, body)) << text;
  }
}

}  // namespace
}  // namespace cove::bridge
