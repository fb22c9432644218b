// Goal: what may not leave does not, what is forwarded is as it came but for the edits that are
// configured, and the text of a refusal says what to do.
// Method: requests to a Cove server with the bridge, whose scripted upstream says what it got.
#include "base/text.h"
#include "bridge/bridge_fixture_test.h"
#include "bridge/call_json.h"
#include "http/packing_test.h"

namespace cove::bridge {
namespace {

TEST_F(BridgeTest, WithoutAKeyNothingIsSentAndTheTextSaysWhatToDo) {
  const Reply reply = Run(Post(R"({"model":"m"})"), "/nokey/v1/responses");
  EXPECT_EQ(reply.status, 401);
  EXPECT_NE(reply.body.find("set NOKEY_API_KEY"), std::string::npos) << reply.body;
  EXPECT_EQ(up_.requests, 0);
  EXPECT_TRUE(Calls().empty());
}

TEST_F(BridgeTest, WhatIsNotServedNeverReachesTheProvider) {
  EXPECT_EQ(Run(Post(R"({"background":true})"), "/openai/v1/responses").status, 501);
  EXPECT_EQ(Run(Post("not json"), "/openai/v1/responses").status, 400);
  EXPECT_EQ(Run(Post(std::string(5000, 'x')), "/openai/v1/responses").status, 413);
  EXPECT_EQ(Run(Post("{}"), "/openai/v1/files").status, 404);
  EXPECT_EQ(Run(Post("{}"), "/unknown/v1/responses").status, 404);
  EXPECT_EQ(Run(Post("{}"), "/").status, 404);
  for (const char* path :
       {"/openai/v1//responses", "//openai/v1/responses", "/openai//v1/responses",
        "/openai/v1/responses/", "/openai/v1/../v1/responses", "/openai%2fv1/responses",
        "/./openai/v1/responses", "/openai/v1/%2e%2e/files", "/openai/v1/responses%2f..%2ffiles",
        "/OPENAI/v1/responses", "/openai/v1/responses%3fa"}) {
    EXPECT_EQ(Run(Post("{}"), path).status, 404) << path;
  }
  http::ClientRequest upgrade;
  upgrade.headers = {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
  EXPECT_EQ(Run(std::move(upgrade), "/openai/v1/responses").status, 400) << "it is no handshake";
  EXPECT_EQ(up_.requests, 0);
  EXPECT_TRUE(Calls().empty());
}

TEST_F(BridgeTest, WhatCoveRefusesIsInTheBookWithWhoWhatAndWhy) {
  const auto refused = [this](int status, const std::string& code) {
    const std::vector<Call> rows = Refusals();
    if (rows.empty()) return std::string("no row");
    const Call& row = rows.front();
    EXPECT_EQ(row.end.status, status);
    EXPECT_EQ(row.end.refusal, code);
    EXPECT_EQ(row.start.sandbox.value, "box");
    EXPECT_EQ(row.start.client, "codex_exec/0.169.0");
    EXPECT_EQ(row.start.thread, "t1");
    EXPECT_EQ(row.charge.basis, CostBasis::kNone);
    EXPECT_EQ(row.charge.cost, 0);
    return row.start.provider + " " + row.start.api + " " + row.start.model;
  };
  const std::string path = "/openai/v1/responses";
  Run(Post(R"({"model":"gpt-5.5","background":true})"), path);
  EXPECT_EQ(refused(501, "cove_no_background"), "openai responses gpt-5.5");
  Run(Post(R"({"model":"fast","x":{"file_url":"https://evil.test/x"}})"), path);
  EXPECT_EQ(refused(403, "cove_url_not_allowed"), "openai responses gpt-5.5-mini");
  Run(Post("not json"), path);
  EXPECT_EQ(refused(400, "cove_bad_request"), "openai responses ");
  Run(Post(std::string(5000, 'x')), path);
  EXPECT_EQ(refused(413, "cove_request_too_large"), "openai responses ");
  Run(Post("{}"), "/openai/v1/files");
  EXPECT_EQ(refused(404, "cove_no_route"), "openai POST /openai/v1/files ");
  Run(Post("{}"), "/unknown/v1/responses");
  EXPECT_EQ(refused(404, "cove_no_route"), " POST /unknown/v1/responses ");
  Run(Post("{}"), "/nokey/v1/responses");
  EXPECT_EQ(refused(401, "cove_no_provider_key"), "nokey responses ");
  MakeBudget(0, Unpriced::kAllow);
  Run(Post(R"({"model":"m"})"), path);
  EXPECT_EQ(refused(403, "cove_budget_exhausted"), "openai responses m");
  EXPECT_EQ(Refusals().size(), 8U);
  EXPECT_EQ(up_.requests, 0);

  CallFilter filter;
  filter.org = OrgId("org");
  const Totals sum = loop_.RunUntil(books_.log().Sum(filter, {}))->front();
  EXPECT_EQ(sum.refused, 8);
  EXPECT_EQ(sum.calls, 0) << "they are no calls that were made";
  EXPECT_EQ(sum.failed, 0);
  EXPECT_EQ(sum.unpriced, 0);
  const json::Object row = ToJson(Refusals().front());
  EXPECT_EQ(json::GetString(row, "outcome"), "refused");
  EXPECT_EQ(json::GetString(row, "refusal"), "cove_budget_exhausted");
  EXPECT_NE(books_.metrics().Text().find("cove_ai_refused_total{reason=\"cove_no_route\"} 2\n"),
            std::string::npos);
}

TEST_F(BridgeTest, WhoIsBarredIsToldSoInTheWordsOfItsProvider) {
  const auto serve = [this](http::Exchange& exchange) {
    Caller caller = Box();
    caller.barred = ProviderError{403, "cove_key_without_models", "the key may not"};
    std::string path(exchange.request().RawPath());
    return bridge_.Serve(std::move(caller), exchange, std::move(path));
  };
  Listening front(serve);
  std::swap(front.port, front_.port);
  const std::string openai = Run(Post("{}"), "/openai/v1/responses").body;
  const std::string claude = Run(Post("{}"), "/claude/v1/messages").body;
  const Reply rock = Run(Post("{}"), "/rock/model/anthropic.claude-opus-4-8/invoke");
  EXPECT_EQ(Run(Post("{}"), "/unknown/v1").status, 403) << "nor is it told what there is";
  std::swap(front.port, front_.port);
  EXPECT_EQ(json::GetString(*json::GetObject(*json::ParseObject(openai), "error"), "code"),
            "cove_key_without_models");
  EXPECT_EQ(json::GetString(*json::GetObject(*json::ParseObject(claude), "error"), "type"),
            "permission_error");
  EXPECT_EQ(rock.headers.Get("x-amzn-errortype"), "AccessDeniedException");
  ASSERT_EQ(Refusals().size(), 4U);
  EXPECT_EQ(Refusals()[3].start.api, "responses");
  EXPECT_EQ(up_.requests, 0);
}

TEST_F(BridgeTest, AStormOfRefusedCallsIsCountedAndFillsNoBook) {
  constexpr int kStorm = 2 * Books::kRefusedPerMinute;
  for (int i = 0; i < kStorm; ++i) Run(Post("{}"), "/openai/v1/files");
  EXPECT_GE(Refusals().size(), 100U - 1) << "one page";
  CallFilter filter;
  filter.org = OrgId("org");
  const Totals sum = loop_.RunUntil(books_.log().Sum(filter, {}))->front();
  EXPECT_GE(sum.refused, Books::kRefusedPerMinute);
  EXPECT_LT(sum.refused, kStorm);
  EXPECT_NE(books_.metrics().Text().find("{reason=\"cove_no_route\"} " + std::to_string(kStorm)),
            std::string::npos);
}

TEST_F(BridgeTest, RefusalsOfManyCallersHaveOneBoundAndThoseOfStrangersNoRow) {
  constexpr int kCallers = 10;
  const ProviderError error{403, "cove_key_without_models", "no"};
  const auto rows = [this](const std::string& org) {
    loop_.RunUntil(books_.Flush());
    CallFilter filter;
    filter.org = OrgId(org);
    const auto sums = loop_.RunUntil(books_.log().Sum(filter, {}));
    return sums->empty() ? 0 : sums->front().refused;
  };
  CallStart start;
  for (int i = 0; i < 10; ++i) books_.Refused(start, error);
  EXPECT_EQ(rows(""), 0);
  EXPECT_NE(books_.metrics().Text().find("{reason=\"cove_key_without_models\"} 10\n"),
            std::string::npos);
  start.org = OrgId("org");
  for (int caller = 0; caller < kCallers; ++caller) {
    start.key_id = "key" + std::to_string(caller);
    for (int i = 0; i < Books::kRefusedPerMinute; ++i) books_.Refused(start, error);
  }
  EXPECT_GE(rows("org"), Books::kRefusedPerMinuteOfAll);
  EXPECT_LT(rows("org"), Books::kRefusedPerMinuteOfAll + Books::kRefusedPerMinute);
}

TEST_F(BridgeTest, AProviderIsNotSentWhereTheSandboxMayNotGo) {
  for (const char* request :
       {R"({"tools":[{"type":"mcp","server_url":"https://evil.test/x"}]})",
        R"({"input":[{"content":[{"type":"input_file","file_url":"https://evil.test/x"}]}]})",
        R"({"input":[{"content":[{"image_url":"https://allowed.test@evil.test/x"}]}]})",
        R"({"messages":[{"content":[{"image_url":{"url":"HTTPS://EVIL.test"}}]}]})",
        R"({"messages":[{"content":[{"source":{"type":"url","url":"ftp://allowed.test/x"}}]}]})",
        R"({"messages":[{"content":[{"video_url":{"url":"http://169.254.169.254/"}}]}]})",
        R"({"messages":[{"content":[{"file":{"file_data":"http://169.254.169.254/"}}]}]})",
        R"({"search_parameters":{"sources":[{"links":["http://169.254.169.254/"]}]}})",
        R"({"mcp_servers":[{"url":"https://allowed.test"},{"url":"https://evil.test"}]})"}) {
    const Reply reply = Run(Post(request), "/openai/v1/responses");
    EXPECT_EQ(reply.status, 403) << request;
    EXPECT_NE(reply.body.find("cove_url_not_allowed"), std::string::npos);
  }
  for (
      const char* request :
      {R"({"tools":[{"type":"mcp","server_url":"https://allowed.test/x"}]})",
       R"({"input":[{"content":[{"image_url":"data:image/png;base64,AA"}]}]})",
       R"({"messages":[{"content":[{"type":"tool_use","input":{"image_url":"https://evil.test"}}]}]})",
       R"({"input":"see https://evil.test","metadata":{"url":"https://evil.test"}})"}) {
    EXPECT_NE(Run(Post(request), "/openai/v1/responses").status, 403) << request;
  }
}

TEST_F(BridgeTest, WhatThePolicySaysIsAskedForEachCall) {
  Bridge::Deps deps = MakeDeps();
  Result<Guards> said = Guards();
  deps.guards = [&said](const OrgId& org, const SandboxId& sandbox) {
    EXPECT_EQ(org.value + "/" + sandbox.value, "org/box");
    return said;
  };
  Bridge bridge(std::move(deps));
  Listening front([&bridge](http::Exchange& e) { return ServeBy(bridge, e); });
  std::swap(front.port, front_.port);
  const auto ask = [this] { return Run(Post(R"({"model":"gpt-5.5"})"), "/openai/v1/responses"); };
  EXPECT_EQ(ask().status, 200);
  GuardRules rules;
  rules.deny_models = {"gpt-*"};
  said = std::make_shared<const std::vector<Guard>>(
      std::vector<Guard>{Guard(), Guard(rules, {.who = "the policy of the organization"})});
  const Reply refused = ask();
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("the policy of the organization does not allow"), std::string::npos)
      << refused.body;
  said = Error(Code::kInternal, "cannot be read");
  EXPECT_EQ(ask().status, 503);
  EXPECT_EQ(up_.requests, 1);
  std::swap(front.port, front_.port);
  loop_.RunUntil(bridge.Flush(Now() + seconds(5)));
}

TEST_F(BridgeTest, AnAliasIsPutIntoTheBodyAndTheBookHasBoth) {
  Run(Post(R"({"model": "fast" ,"odd":1.0})"), "/openai/v1/responses");
  EXPECT_EQ(up_.body, R"({"model": "gpt-5.5-mini" ,"odd":1.0})");
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].start.model, "gpt-5.5-mini");
  EXPECT_EQ(SaidIn(Calls()[0].id).alias, "fast");
}

TEST_F(BridgeTest, ACompressedRequestIsJudgedAndForwardedAsItCame) {
  const std::string packed = http::Zstd(R"({"model":"gpt-5.5","input":"hi"})");
  EXPECT_EQ(Run(Packed(Post(packed), "zstd"), "/openai/v1/responses").status, 200);
  EXPECT_EQ(up_.body, packed);
  EXPECT_EQ(up_.headers.Get("content-encoding"), "zstd");
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].start.model, "gpt-5.5");
  EXPECT_EQ(Calls()[0].start.request_bytes, 32U) << "what a budget reckons with is the text";

  Run(Packed(Post(http::Zstd(R"({"model":"fast"})")), "zstd"), "/openai/v1/responses");
  EXPECT_EQ(up_.body, R"({"model":"gpt-5.5-mini"})") << "what is edited goes plain";
  EXPECT_FALSE(up_.headers.Has("content-encoding"));

  up_.requests = 0;
  const auto status = [&](const std::string& body, const char* coding) {
    return Run(Packed(Post(body), coding), "/openai/v1/responses").status;
  };
  EXPECT_EQ(status(http::Zstd(R"({"background":true})"), "zstd"), 501);
  EXPECT_EQ(status(http::Zstd(R"({"x":{"server_url":"https://evil.test"}})"), "zstd"), 403);
  EXPECT_EQ(status(http::Zstd(std::string(100'000, ' ')), "zstd"), 413) << "a bomb";
  EXPECT_EQ(status("{}", "gzip"), 400);
  EXPECT_EQ(status("{}", "br"), 415);
  EXPECT_EQ(up_.requests, 0);
}

TEST_F(BridgeTest, AShortBodyThatUnpacksIntoMillionsOfValuesIsNotTakenApart) {
  Bridge::Deps deps = MakeDeps();
  deps.limits = Limits();
  Bridge bridge(std::move(deps));
  Listening front([&bridge](http::Exchange& e) { return ServeBy(bridge, e); });
  std::swap(front.port, front_.port);
  std::string body = R"({"model":"m","input":[0)";
  while (body.size() < Limits().request_bytes_max - 8) body += ",0";
  body += "]}";
  const Reply reply = Run(Packed(Post(http::Gzip(body)), "gzip"), "/openai/v1/responses");
  std::swap(front.port, front_.port);
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("more than 500000 values. Send"), std::string::npos) << reply.body;
  EXPECT_EQ(up_.requests, 0);
  ASSERT_EQ(Refusals().size(), 1U);
  EXPECT_EQ(Refusals()[0].end.refusal, "cove_bad_request");
}

TEST_F(BridgeTest, NamesOfModelsHaveABound) {
  const auto ask = [this](const std::string& request) {
    return Run(Post(request), "/openai/v1/responses");
  };
  const std::string most(256, 'm');
  EXPECT_EQ(ask(R"({"model":")" + most + R"(","models":[")" + most + R"("]})").status, 200);
  std::string many = R"("a")";
  for (int i = 0; i < 32; ++i) many += R"(,"a")";
  for (const std::string& request :
       {R"({"model":")" + most + R"(x"})", R"({"model":"m","models":[")" + most + R"(x"]})",
        R"({"model":"m","models":[)" + many + "]}"}) {
    const Reply reply = ask(request);
    EXPECT_EQ(reply.status, 400);
    EXPECT_NE(reply.body.find("cove_bad_request"), std::string::npos) << reply.body;
  }
  EXPECT_EQ(up_.requests, 1);
  ASSERT_EQ(Refusals().size(), 3U);
  EXPECT_EQ(Refusals().back().start.model, most) << "as much as a row has";
  const std::string arn =
      "arn:aws:bedrock:eu-west-1:1:application-inference-profile/" + std::string(1000, 'a');
  const std::string path = "/rock/model/" + PercentEncode(arn) + "/invoke";
  EXPECT_EQ(Run(Post(R"({"anthropic_version":"bedrock-2023-05-31"})"), path).status, 200);
}

TEST_F(BridgeTest, OfModelsToChooseFromTheOneThatAnswersIsPaid) {
  up_.content_type = "application/json";
  const auto cost = [this](const std::string& answered) {
    up_.answer = R"({"id":"r","model":")" + answered +
                 R"(","usage":{"input_tokens":100,"output_tokens":20}})";
    Run(Post(R"({"model":"m","models":["dear"]})"), "/openai/v1/responses");
    return Calls().front().charge.cost;
  };
  EXPECT_EQ(cost("m"), 100 + 20 * 10);
  EXPECT_EQ(cost("dear"), 100 * 5 + 20 * 50);
  EXPECT_EQ(cost("dear-2026-04-23"), 100 * 5 + 20 * 50) << "its snapshot";
  EXPECT_EQ(cost("dearest"), 100 + 20 * 10) << "nobody asked for it";
  EXPECT_EQ(Calls().front().start.model, "m");
}

TEST_F(BridgeTest, CredentialsInTheQueryAreNotSent) {
  Run(Post(R"({"model":"m"})"), "/openai/v1/responses?key=a&api-version=2&access_token=b");
  EXPECT_EQ(up_.target, "/v1/responses?api-version=2");
}

TEST_F(BridgeTest, AKeyThatStandsTwiceIsNotSent) {
  const Reply reply = Run(Post(R"({"model":"a","model":"b"})"), "/openai/v1/responses");
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("has a key twice"), std::string::npos) << reply.body;
  EXPECT_EQ(up_.requests, 0);
}

TEST_F(BridgeTest, ACallThatIsOnlyCountedMakesNoProviderFetchEither) {
  const char* const request =
      R"({"messages":[{"content":[{"source":{"type":"url","url":"https://evil.test/x"}}]}]})";
  EXPECT_EQ(Run(Post(request), "/claude/v1/messages/count_tokens").status, 403);
  EXPECT_EQ(Run(Post("[]"), "/claude/v1/messages/count_tokens").status, 400);
  EXPECT_EQ(up_.requests, 0);
  EXPECT_EQ(Run(Post(R"({"messages":[]})"), "/claude/v1/messages/count_tokens").status, 200);
}

}  // namespace
}  // namespace cove::bridge
