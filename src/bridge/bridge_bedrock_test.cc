// Goal: a call to Bedrock goes out signed with the server's key and no other, its answer comes back
// byte for byte, and the book, the guard and the prices know its model.
// Method: calls through a Cove server with the bridge; the answers are of the wire corpus.
#include "bridge/bridge_fixture_test.h"
#include "bridge/wire_corpus_test.h"
#include "codec/base64.h"

namespace cove::bridge {
namespace {

constexpr std::string_view kAsked = R"({"anthropic_version":"bedrock-2023-05-31", "max_tokens":9,)"
                                    R"("messages":[{"role":"user","content":"hi"}]})";
constexpr const char* kStream =
    "/rock/model/us.anthropic.claude-opus-4-8-v1:0/invoke-with-response-stream";

std::string AnswerOf(const std::string& name) {
  return ReadFile(COVE_SOURCE_DIR "/tests/wire/" + name + ".answer");
}

class BridgeBedrockTest : public BridgeTest {
 protected:
  BridgeBedrockTest() {
    up_.content_type = "application/vnd.amazon.eventstream";
    up_.answer = AnswerOf("bedrock_stream");
  }
  // As an agent sends it that has a key of its own.
  static http::ClientRequest Signed(std::string_view body = kAsked) {
    http::ClientRequest request = Post(std::string(body));
    request.headers = {{"Authorization", "AWS4-HMAC-SHA256 Credential=AGENT/x, Signature=y"},
                       {"Content-Type", "application/json"},
                       {"X-Amz-Security-Token", "of-the-agent"},
                       {"X-Amz-Date", "19990101T000000Z"},
                       {"x-amz-content-sha256", "of-the-agent"}};
    return request;
  }
};

TEST_F(BridgeBedrockTest, AStreamPassesByteForByteSignedAndCounted) {
  const Reply reply = Run(Signed(), kStream);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, up_.answer);
  EXPECT_EQ(up_.body, kAsked);
  EXPECT_EQ(up_.target, "/model/us.anthropic.claude-opus-4-8-v1%3A0/invoke-with-response-stream");
  const std::string authorization(up_.headers.Get("authorization").value_or(""));
  EXPECT_TRUE(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDOFCOVE/"))
      << authorization;
  EXPECT_NE(authorization.find("/eu-west-1/bedrock/aws4_request, SignedHeaders=content-type;host;"
                               "x-amz-date;x-amz-security-token, "),
            std::string::npos)
      << authorization;
  EXPECT_EQ(up_.headers.Get("x-amz-security-token"), "session-of-cove");
  EXPECT_TRUE(up_.headers.Get("x-amz-date")->starts_with("20"));
  for (const auto& [name, value] : up_.headers) {
    EXPECT_EQ(value.find("of-the-agent"), std::string::npos) << name;
  }

  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  const Call& call = calls[0];
  EXPECT_EQ(call.start.api, "messages");
  EXPECT_EQ(call.start.model, "us.anthropic.claude-opus-4-8-v1:0");
  EXPECT_TRUE(call.start.stream);
  EXPECT_EQ(call.end.usage.input, 11);
  EXPECT_EQ(call.end.usage.cached, 4000);
  EXPECT_EQ(call.end.usage.output, 61);
  EXPECT_EQ(call.end.response_id, "msg_01");
  EXPECT_EQ(call.charge.basis, CostBasis::kUsage) << "priced by the plain name";
  const Said said = SaidIn(call.id);
  EXPECT_EQ(said.prompt, "hi");
  EXPECT_EQ(said.tools.size(), 2U);
}

TEST_F(BridgeBedrockTest, AStreamThatEndsBeforeItsUsageIsEstimated) {
  up_.answer.resize(up_.answer.size() * 3 / 4);
  EXPECT_EQ(Run(Signed(), kStream).body, up_.answer);
  ASSERT_EQ(Calls().size(), 1U);
  const Call call = Calls()[0];
  EXPECT_EQ(call.end.usage.cached, 4000) << "the beginning told it";
  EXPECT_GT(call.end.usage.output, 5);
  EXPECT_LT(call.end.usage.output, 61);
  EXPECT_EQ(call.charge.basis, CostBasis::kEstimated);
}

TEST_F(BridgeBedrockTest, ABlockingCallAndAnApiKey) {
  up_.content_type = "application/json";
  up_.answer = AnswerOf("bedrock_blocking");
  const Reply reply = Run(Signed(), "/rock-bearer/model/anthropic.claude-opus-4-8/invoke");
  EXPECT_EQ(reply.body, up_.answer);
  EXPECT_EQ(up_.headers.Get("authorization"), "Bearer bedrock-api-key");
  EXPECT_FALSE(up_.headers.Has("x-amz-security-token"));
  EXPECT_FALSE(up_.headers.Has("x-amz-date"));
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_FALSE(Calls()[0].start.stream);
  EXPECT_EQ(Calls()[0].end.usage.output, 61);
}

TEST_F(BridgeBedrockTest, AnAliasIsPutIntoThePath) {
  Run(Signed(), "/rock/model/rock-fast/invoke-with-response-stream");
  EXPECT_EQ(up_.target,
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fa/"
            "invoke-with-response-stream");
  EXPECT_EQ(up_.body, kAsked);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].start.model, "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a");
  EXPECT_EQ(Calls()[0].charge.basis, CostBasis::kUnpriced);
  EXPECT_EQ(SaidIn(Calls()[0].id).alias, "rock-fast");
}

TEST_F(BridgeBedrockTest, ARefusalHasTheShapeOfBedrock) {
  const Reply bad = Run(Signed("{}"), kStream);
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.headers.Get("x-amzn-errortype"), "ValidationException");
  EXPECT_TRUE(bad.body.starts_with(R"({"message":")")) << bad.body;
  for (const char* path :
       {"/rock/model/anthropic.claude-opus-4-8/converse", "/rock/model/x/converse-stream",
        "/rock/model/x/invoke-with-bidirectional-stream", "/rock/async-invoke",
        "/rock/guardrail/x/version/1/apply"}) {
    const Reply unserved = Run(Signed(), path);
    EXPECT_EQ(unserved.status, 501) << path;
    EXPECT_EQ(unserved.headers.Get("x-amzn-errortype"), "UnsupportedOperationException");
    EXPECT_NE(unserved.body.find("does not serve "), std::string::npos) << unserved.body;
  }
  const Reply foreign = Run(Signed(R"({"prompt":"hi"})"), "/rock/model/meta.llama3-8b/invoke");
  EXPECT_EQ(foreign.status, 501);
  EXPECT_NE(foreign.body.find("does not serve 'meta.llama3-8b'"), std::string::npos);
  EXPECT_EQ(Run(Signed(), "/rock/model/x/other").status, 404);
  EXPECT_EQ(Run(Signed(), "/rock/v1/messages").status, 404);
  EXPECT_EQ(
      Run(Signed(R"({"anthropic_version":"v","messages":[{"content":[{"source":{"type":"url",)"
                 R"("url":"https://evil.test/x"}}]}]})"),
          kStream)
          .headers.Get("x-amzn-errortype"),
      "AccessDeniedException");
  MakeBudget(0);
  const Reply spent = Run(Signed(), kStream);
  EXPECT_EQ(spent.status, 403);
  EXPECT_EQ(spent.headers.Get("x-amzn-errortype"), "AccessDeniedException");
  EXPECT_EQ(up_.requests, 0);
  EXPECT_TRUE(Calls().empty());
}

TEST_F(BridgeBedrockTest, WhatIsCountedIsJudgedAndHasNoRow) {
  const auto counted = [](const std::string& body) {
    return R"({"input":{"invokeModel":{"body":")" + codec::EncodeBase64(body) + R"("}}})";
  };
  const char* const path = "/rock/model/anthropic.claude-opus-4-8/count-tokens";
  const std::string good = counted(std::string(kAsked));
  EXPECT_EQ(Run(Signed(good), path).status, 200);
  EXPECT_EQ(up_.body, good);
  EXPECT_EQ(Run(Signed(counted(
                    R"({"anthropic_version":"v","mcp_servers":[{"url":"https://evil.test"}]})")),
                path)
                .status,
            403);
  EXPECT_EQ(up_.requests, 1);
  EXPECT_TRUE(Calls().empty());
}

}  // namespace
}  // namespace cove::bridge
