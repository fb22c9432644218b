// Goal: no credential of a sandbox goes out, ours goes to the provider only, routes are exact.
// Method: fields in, fields out.
#include "bridge/headers.h"

#include <gtest/gtest.h>

#include "bridge/provider_error.h"
#include "bridge/routes.h"

namespace cove::bridge {
namespace {

Provider OpenAi() {
  Provider p;
  p.name = "openai";
  return p;
}

const ProviderKey kKey{Secret("real-key"), "1"};

TEST(HeadersTest, WhatTheAgentSentAsCredentialIsReplaced) {
  const http::Headers from = {{"Authorization", "Bearer fake"},
                              {"X-API-Key", "fake"},
                              {"Cookie", "a=b"},
                              {"OpenAI-Organization", "other"},
                              {"Host", "models.cove"},
                              {"Accept-Encoding", "gzip"},
                              {"Connection", "close, X-Hop"},
                              {"X-Hop", "1"},
                              {"Transfer-Encoding", "chunked"},
                              {"session-id", "s"}};
  const http::Headers got = UpstreamHeaders(from, OpenAi(), &kKey);
  EXPECT_EQ(got.size(), 2U);
  EXPECT_EQ(got.Get("authorization"), "Bearer real-key");
  EXPECT_EQ(got.Get("session-id"), "s");
}

TEST(HeadersTest, WithoutAKeyOfOursTheAgentsCredentialsStayAndNothingElse) {
  const http::Headers got =
      UpstreamHeaders({{"Authorization", "Bearer own"}, {"X-API-Key", "own"}, {"Cookie", "a=b"}},
                      OpenAi(), nullptr);
  EXPECT_EQ(got.size(), 2U);
  EXPECT_EQ(got.Get("authorization"), "Bearer own");
}

TEST(HeadersTest, ACredentialIsKnownUnderAnyProvidersName) {
  for (const char* name :
       {"x-goog-api-key", "X-Auth-Token", "Ocp-Apim-Subscription-Key", "cf-aig-authorization",
        "Proxy-Authorization", "X-Vault-Token", "x-functions-key", "Cf-Access-Jwt-Assertion",
        "X-Amz-Signature", "x-csrf", "X-Client-Secret", "X-My-Password", "openai-api-key",
        "anthropic-auth-token", "x-stainless-api-key", "Cookie2", "X-Ms-Client-Principal"}) {
    EXPECT_EQ(UpstreamHeaders({{name, "theirs"}}, OpenAi(), &kKey).size(), 1U) << name;
    EXPECT_TRUE(IsCredential(name) || std::string_view(name).starts_with("Proxy")) << name;
  }
  EXPECT_EQ(UpstreamHeaders({{"X-Upstream", "bearer abc"}}, OpenAi(), &kKey).size(), 1U);
  EXPECT_EQ(UpstreamHeaders({{"x-goog-api-key", "own"}}, OpenAi(), nullptr).size(), 1U)
      << "where the operator lets agents use their own";
}

TEST(HeadersTest, WhatAgentsAndTheirLibrariesSayPasses) {
  for (const char* name : {"accept",
                           "content-type",
                           "content-encoding",
                           "user-agent",
                           "originator",
                           "version",
                           "session-id",
                           "session_id",
                           "thread-id",
                           "x-client-request-id",
                           "x-codex-window-id",
                           "x-codex-beta-features",
                           "x-codex-turn-metadata",
                           "x-codex-turn-state",
                           "openai-beta",
                           "anthropic-version",
                           "anthropic-beta",
                           "anthropic-dangerous-direct-browser-access",
                           "x-app",
                           "x-claude-code-session-id",
                           "x-stainless-lang",
                           "x-stainless-retry-count",
                           "x-stainless-helper-method",
                           "x-amzn-bedrock-trace",
                           "idempotency-key",
                           "traceparent",
                           "tracestate",
                           "accept-language",
                           "sec-fetch-mode",
                           "http-referer",
                           "x-title"}) {
    EXPECT_EQ(UpstreamHeaders({{name, "x"}}, OpenAi(), &kKey).Get(name), "x") << name;
  }
}

TEST(HeadersTest, AQueryLosesItsCredentialsAndNothingElse) {
  for (const auto& [target, want] : std::initializer_list<std::pair<const char*, const char*>>{
           {"/v1/models", "/v1/models"},
           {"/v1/models?", "/v1/models?"},
           {"/v1/messages?beta=true", "/v1/messages?beta=true"},
           {"/m?client_version=0.169.0&limit=%32", "/m?client_version=0.169.0&limit=%32"},
           {"/m?key=a&api-version=2&api-key=b&access_token=c", "/m?api-version=2"},
           {"/m?%6bey=a", "/m"},
           {"/m?a=b;key=c;d=e", "/m?a=b;d=e"},
           {"/m?a=b&x%zz=1&X-Amz-Signature=s&sig=t", "/m?a=b"},
           {"/m?a=monkey?token=1", "/m?a=monkey?token=1"}}) {
    EXPECT_EQ(WithoutCredentials(target), want) << target;
  }
}

TEST(HeadersTest, AnAgentsSignatureForAwsIsTakenAway) {
  Provider p = OpenAi();
  p.kind = ProviderKind::kBedrock;
  const http::Headers from = {{"Authorization", "AWS4-HMAC-SHA256 Credential=theirs"},
                              {"X-Amz-Security-Token", "theirs"},
                              {"X-Amz-Date", "20150830T123600Z"},
                              {"x-amz-content-sha256", "theirs"},
                              {"x-amzn-bedrock-trace", "ENABLED"}};
  const http::Headers bearer = UpstreamHeaders(from, p, &kKey);
  EXPECT_EQ(bearer.size(), 2U);
  EXPECT_EQ(bearer.Get("authorization"), "Bearer real-key");
  const ProviderKey signs{Secret("secret"), "1", "AKID", Secret()};
  EXPECT_EQ(UpstreamHeaders(from, p, &signs).size(), 1U) << "the signature comes last";
}

TEST(HeadersTest, TheProvidersOwnFieldsReplaceTheAgents) {
  Provider p = OpenAi();
  p.headers = {{"OpenAI-Project", "ours"}, {"X-Tag", "a"}};
  const http::Headers got =
      UpstreamHeaders({{"openai-project", "theirs"}, {"x-tag", "theirs"}}, p, &kKey);
  EXPECT_EQ(got.size(), 3U);
  EXPECT_EQ(got.Get("x-tag"), "a");
  EXPECT_EQ(got.Get("openai-project"), "ours");
  EXPECT_TRUE(IsFieldForProviders("X-Tag", "a b"));
  for (const char* name :
       {"Host", "content-length", "Connection", "Transfer-Encoding", "", "a b"}) {
    EXPECT_FALSE(IsFieldForProviders(name, "x")) << name;
  }
  EXPECT_FALSE(IsFieldForProviders("X-Tag", "a\r\nX-Other: b"));
}

TEST(HeadersTest, AnthropicGetsItsKeyInItsOwnField) {
  Provider p = OpenAi();
  p.kind = ProviderKind::kAnthropic;
  const http::Headers got = UpstreamHeaders({{"anthropic-version", "2023-06-01"}}, p, &kKey);
  EXPECT_EQ(got.Get("x-api-key"), "real-key");
  EXPECT_FALSE(got.Has("authorization"));
  EXPECT_TRUE(got.Has("anthropic-version"));
}

TEST(HeadersTest, AnswersLoseOnlyWhatBelongsToTheConnection) {
  const http::Headers got = DownstreamHeaders({{"Content-Type", "text/event-stream"},
                                               {"Content-Length", "5"},
                                               {"Connection", "keep-alive"},
                                               {"Set-Cookie", "x=y"},
                                               {"x-request-id", "r"}});
  EXPECT_EQ(got.size(), 3U);
}

TEST(HeadersTest, ReadsWhatCodexSaysOfItself) {
  const AgentNames names =
      ReadAgentNames({{"User-Agent", "codex_exec/0.169.0"},
                      {"session-id", "s1"},
                      {"thread-id", "t1"},
                      {"x-codex-turn-metadata", R"({"turn_id":"u1","thread_id":"t1"})"}});
  EXPECT_EQ(names.client, "codex_exec/0.169.0");
  EXPECT_EQ(names.session, "s1");
  EXPECT_EQ(names.thread, "t1");
  EXPECT_EQ(names.turn, "u1");
}

TEST(HeadersTest, ReadsTheSessionUnderEachNameThatAgentsGiveIt) {
  for (const char* name : {"session-id", "session_id", "x-claude-code-session-id"}) {
    EXPECT_EQ(ReadAgentNames({{name, "s"}}).session, "s") << name;
  }
  EXPECT_EQ(ReadAgentNames({{"x-claude-code-session-id", "c"}, {"session-id", "s"}}).session, "s");
}

TEST(RoutesTest, OnlyTheTableIsServed) {
  auto verdict = [](ProviderKind kind, std::string_view method, std::string_view path) {
    return FindRoute(kind, method, path, Upgrade::kNo).verdict;
  };
  using enum Route::Verdict;
  EXPECT_EQ(verdict(ProviderKind::kOpenAi, "POST", "/v1/responses"), kForward);
  EXPECT_EQ(verdict(ProviderKind::kOpenAi, "GET", "/v1/models"), kForward);
  EXPECT_EQ(verdict(ProviderKind::kAnthropic, "POST", "/v1/messages"), kForward);
  for (std::string_view path : {"/v1/files",
                                "/v1/responses/",
                                "/v1/responses/resp_1",
                                "/v1//responses",
                                "/v1/organization/api_keys",
                                "/",
                                "",
                                "/v1/responses/../files",
                                "/v1/%72esponses",
                                "/v1/responses/.",
                                "/v1/./responses",
                                "/v1/x/../responses",
                                "/v1%2fresponses",
                                "/v1%2Fresponses",
                                "/v1/responses%2f..%2ffiles",
                                "/v1/responses;a=b",
                                "/v1/responses%00",
                                "/v1/responses%3Fx",
                                "/v1\\responses",
                                "/V1/Responses",
                                "v1/responses",
                                "/v1/responses#x",
                                "/v1/responses ",
                                "/%2e%2e/v1/responses",
                                "/v1/models/../files"}) {
    EXPECT_EQ(verdict(ProviderKind::kOpenAi, "POST", path), kNotFound) << path;
  }
  EXPECT_EQ(verdict(ProviderKind::kOpenAi, "POST", "/v1/messages"), kNotFound);
  EXPECT_EQ(verdict(ProviderKind::kOpenAi, "DELETE", "/v1/responses"), kNotFound);
  EXPECT_EQ(FindRoute(ProviderKind::kOpenAi, "GET", "/v1/responses", Upgrade::kYes).verdict,
            kWebSocket);
  EXPECT_EQ(FindRoute(ProviderKind::kOpenAi, "GET", "/v1/models", Upgrade::kYes).verdict,
            kNotFound);
}

TEST(ProviderErrorTest, HasTheShapeOfEachProvider) {
  ProviderError error;
  error.status = 401;
  error.code = "cove_x";
  error.message = "say \"why\"";
  EXPECT_EQ(ErrorBody(ProviderKind::kOpenAi, error),
            R"({"error":{"message":"say \"why\"","type":"authentication_error","param":null,)"
            R"("code":"cove_x"}})");
  EXPECT_EQ(ErrorBody(ProviderKind::kAnthropic, error),
            R"({"type":"error","error":{"type":"authentication_error","message":"say \"why\""}})");
  EXPECT_EQ(ErrorBody(ProviderKind::kBedrock, error), R"({"message":"say \"why\""})");
  const auto type = [&error](int status) {
    error.status = status;
    const http::ResponseHead head = ErrorHead(ProviderKind::kBedrock, error);
    return std::string(head.headers.Get("x-amzn-errortype").value_or(""));
  };
  EXPECT_EQ(type(403), "AccessDeniedException");
  EXPECT_EQ(type(429), "ThrottlingException");
  EXPECT_EQ(type(413), "ValidationException");
  EXPECT_EQ(type(504), "InternalServerException");
}

}  // namespace
}  // namespace cove::bridge
