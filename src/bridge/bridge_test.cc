// Goal: a call goes to its provider with the real key, comes back byte for byte, and is in the
// book, whatever happens on the way.
// Method: calls through a Cove server with the bridge to a scripted upstream.
#include "bridge/bridge_fixture_test.h"

namespace cove::bridge {
namespace {

TEST_F(BridgeTest, AStreamPassesByteForByteAndIsCounted) {
  const std::string body = R"({"model":"gpt-5.5","stream":true,"odd":  1.0})";
  const Reply reply = Run(Post(body), "/openai/v1/responses?x=1");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, kAnswer);
  EXPECT_EQ(reply.headers.Get("x-request-id"), "req_1");
  EXPECT_EQ(up_.body, body);
  EXPECT_EQ(up_.target, "/v1/responses?x=1");
  EXPECT_EQ(up_.headers.Get("authorization"), "Bearer real-key");

  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  const Call& call = calls[0];
  EXPECT_EQ(call.start.sandbox.value, "box");
  EXPECT_EQ(call.start.model, "gpt-5.5");
  EXPECT_EQ(call.start.thread, "t1");
  EXPECT_EQ(call.end.outcome, Outcome::kCompleted);
  EXPECT_EQ(call.end.status, 200);
  EXPECT_EQ(call.end.usage.input, 40);
  EXPECT_EQ(call.end.usage.cached, 60);
  EXPECT_EQ(call.end.usage.output, 20);
  EXPECT_EQ(call.end.usage.reasoning, 5);
  EXPECT_EQ(call.end.response_id, "resp_9");
  EXPECT_EQ(call.end.response_bytes, kAnswer.size());
  EXPECT_EQ(call.end.request_id, "req_1");
  EXPECT_TRUE(call.end.first_byte.has_value());
}

TEST_F(BridgeTest, AnErrorOfTheProviderComesUnchanged) {
  up_.mode = ScriptedUpstream::Mode::kError;
  const Reply reply = Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body, "{\"error\":{\"message\":\"slow down\"}}");
  EXPECT_EQ(reply.headers.Get("retry-after"), "7");
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kRejected);
  EXPECT_EQ(Calls()[0].end.status, 429);
}

TEST_F(BridgeTest, AnErrorUnderAGoodStatusIsNoSuccess) {
  up_.content_type = "application/json";
  up_.answer = R"({"error":{"message":"overloaded"}})";
  EXPECT_EQ(Run(Post(R"({"model":"m"})"), "/openai/v1/responses").status, 200);
  EXPECT_EQ(Run(Post(R"({"model":"m"})"), "/openai/v1/chat/completions").status, 200);
  up_.content_type = "text/event-stream";
  up_.answer = "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\"}}\n\n";
  EXPECT_EQ(Run(Post(R"({"model":"m"})"), "/openai/v1/responses").status, 200);
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 3U);
  for (const Call& call : calls) EXPECT_EQ(call.end.outcome, Outcome::kFailed);
}

TEST_F(BridgeTest, ARedirectionIsNoAnswerAndCostsNothing) {
  up_.status = 307;
  up_.answer = "go elsewhere";
  EXPECT_EQ(Run(Post(R"({"model":"m"})"), "/openai/v1/responses").status, 307);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kRejected);
  EXPECT_EQ(Calls()[0].charge.basis, CostBasis::kNone);
}

TEST_F(BridgeTest, AnAnswerThatIsCutDoesNotLookWhole) {
  up_.mode = ScriptedUpstream::Mode::kCut;
  const Reply reply = Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  EXPECT_TRUE(reply.cut);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kBroken);
  EXPECT_FALSE(Calls()[0].end.usage.known);
}

TEST_F(BridgeTest, AProviderThatIsDownIsNamed) {
  const Reply reply = Run(Post(R"({"model":"m"})"), "/down/v1/responses");
  EXPECT_EQ(reply.status, 502);
  EXPECT_NE(reply.body.find("cove_provider_unreachable"), std::string::npos) << reply.body;
  EXPECT_NE(reply.body.find("http://127.0.0.1:1"), std::string::npos) << reply.body;
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kUnreachable);
}

TEST_F(BridgeTest, WhatWasSaidIsKeptUnderTheCallsId) {
  Run(Post(R"({"model":"m","input":"password=hunter22 is mine"})"), "/openai/v1/responses");
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  const Said said = SaidIn(calls[0].id);
  EXPECT_EQ(said.prompt, "password=[redacted] is mine");
  EXPECT_EQ(said.alias, "");
}

TEST_F(BridgeTest, AStreamThatDidNotAskForItsUsageTellsItToTheBookOnly) {
  const std::string first = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n";
  const std::string done = "data: [DONE]\n\n";
  up_.answer = first +
               "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
               "\"completion_tokens\":2}}\n\n" +
               done;
  const Reply reply = Run(Post(R"({"model":"m","stream":true})"), "/openai/v1/chat/completions");
  EXPECT_EQ(up_.body, R"({"stream_options":{"include_usage":true},"model":"m","stream":true})");
  EXPECT_EQ(reply.body, first + done);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.usage.input, 3);
  EXPECT_EQ(Calls()[0].end.usage.output, 2);
}

TEST_F(BridgeTest, ModelsPassWithoutARow) {
  const Reply reply = Run({}, "/openai/v1/models?client_version=1");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(up_.target, "/v1/models?client_version=1");
  EXPECT_TRUE(Calls().empty());
}

}  // namespace
}  // namespace cove::bridge
