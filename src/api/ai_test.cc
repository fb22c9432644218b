// Goal: the routes of model calls show each caller what is its own, refuse what makes no sense with
// words, and let a token do nothing but call models. Method: the whole Api over books with a few
// calls in them.
#include <gtest/gtest.h>

#include "api/api_fixture_test.h"
#include "async/timer.h"

namespace cove::api {
namespace {

class AiTest : public ApiTest {
 protected:
  // Gives the call's id.
  std::string MakeCall(std::string user, SandboxId sandbox = {}, std::string model = "gpt-5.5",
                       std::string client = "") {
    bridge::CallStart start;
    start.org = identity::kDefaultOrg;
    start.user = std::move(user);
    start.sandbox = std::move(sandbox);
    start.provider = "openai";
    start.model = std::move(model);
    start.client = std::move(client);
    auto admitted = loop_.RunUntil(books_->Admit(start));
    EXPECT_EQ(admitted.index(), 0U);
    const std::string id = std::get<bridge::Ticket>(admitted).id();
    bridge::CallEnd end;
    end.status = 200;
    end.usage.known = true;
    end.usage.input = 1'000'000;
    bridge::Said said;
    said.prompt = "hello";
    said.tools = {{"function_call", "exec", "", "c1", "", "{}", false}};
    said.thoughts = {{"thinking", "hm"}};
    auto done = books_->Finish(std::move(std::get<bridge::Ticket>(admitted)), end, said);
    EXPECT_TRUE(loop_.RunUntil(std::move(done)).ok());
    return id;
  }
  std::string MemberKey(std::string user) {
    identity::KeyRequest request;
    request.org = identity::kDefaultOrg;
    request.user = user;
    request.name = "key of " + user;
    return loop_.RunUntil(keys_->Create(request))->secret;
  }
  static async::Task<void> Pause() { co_await async::Sleep(milliseconds(5)); }
  static size_t Items(const FakeExchange& exchange) {
    const json::Object body = Json(exchange);
    const json::Array* items = json::GetArray(body, "items");
    return items == nullptr ? 999 : items->size();
  }
};

TEST_F(AiTest, EachSeesTheirOwnCallsAndAdministratorsAll) {
  MakeCall("ann");
  MakeCall("bob");
  const std::string ann = MemberKey("ann");
  EXPECT_EQ(Items(*Send("GET", "/api/ai/calls")), 2U);
  EXPECT_EQ(Items(*SendAs(ann, "GET", "/api/ai/calls")), 1U);
  EXPECT_EQ(Items(*SendAs(ann, "GET", "/api/ai/calls?userId=ann")), 1U);
  EXPECT_EQ(SendAs(ann, "GET", "/api/ai/calls?userId=bob")->answer.status, 403);
  EXPECT_EQ(SendAs(ann, "GET", "/api/ai/usage?by=user&userId=bob")->answer.status, 403);
  EXPECT_EQ(SendAs(ann, "GET", "/api/ai/calls?sandboxId=nobodys")->answer.status, 404);
  EXPECT_EQ(Send("GET", "/api/ai/calls?sandboxId=nobodys")->answer.status, 404);
  const json::Object usage = Json(*SendAs(ann, "GET", "/api/ai/usage"));
  EXPECT_EQ(json::GetInt(*json::GetObject(usage, "total"), "costMicroUsd"), 10'000'000)
      << "a million tokens are a long prompt";
}

TEST_F(AiTest, WhatWasSaidIsForTheOneWhoSaidItAndAdministrators) {
  const std::string id = MakeCall("ann");
  const std::string target = "/api/ai/calls/" + id + "/texts";
  const json::Object body = Json(*Send("GET", target));
  EXPECT_EQ(json::GetString(body, "prompt"), "hello");
  EXPECT_EQ(json::GetArray(body, "tools")->size(), 1U);
  EXPECT_EQ(json::GetArray(body, "thoughts")->size(), 1U);
  EXPECT_EQ(SendAs(MemberKey("ann"), "GET", target)->answer.status, 200);
  EXPECT_EQ(SendAs(MemberKey("bob"), "GET", target)->answer.status, 404);
  EXPECT_EQ(Send("GET", "/api/ai/calls/none/texts")->answer.status, 404);
}

TEST_F(AiTest, AKeyForSomethingElseReadsNoTextsAndEndsNoToken) {
  const std::string other = KeyWith({"delete:sandboxes"});
  EXPECT_EQ(SendAs(other, "GET", "/api/ai/calls/" + MakeCall("ann") + "/texts")->answer.status,
            403);
  EXPECT_EQ(SendAs(other, "DELETE", "/api/ai/tokens/any")->answer.status, 403);
  EXPECT_EQ(Send("DELETE", "/api/ai/tokens/any")->answer.status, 404);
}

TEST_F(AiTest, PagesFollowOneAnother) {
  for (int i = 0; i < 5; ++i) MakeCall("ann");
  std::string cursor;
  size_t seen = 0;
  for (int page = 0; page < 4; ++page) {
    const auto answer = Send("GET", "/api/ai/calls?limit=2&cursor=" + cursor);
    seen += Items(*answer);
    cursor = json::GetString(Json(*answer), "nextCursor").value_or("");
    if (cursor.empty()) break;
  }
  EXPECT_EQ(seen, 5U);
}

TEST_F(AiTest, ACsvHoldsNoFormulaAndNoForeignLine) {
  MakeCall("ann", {}, "=HYPERLINK(\"http://evil\")", "a,b\"c");
  const auto answer = Send("GET", "/api/ai/calls?format=csv");
  EXPECT_EQ(answer->answer.headers.Get("content-type"), "text/csv; charset=utf-8");
  EXPECT_NE(answer->text.find("\"'=HYPERLINK(\"\"http://evil\"\")\""), std::string::npos)
      << answer->text;
  EXPECT_NE(answer->text.find("\"a,b\"\"c\""), std::string::npos);
  EXPECT_EQ(std::count(answer->text.begin(), answer->text.end(), '\n'), 2);
  const auto lines = Send("GET", "/api/ai/calls?format=ndjson");
  EXPECT_EQ(std::count(lines->text.begin(), lines->text.end(), '\n'), 1);
}

TEST_F(AiTest, WhatMakesNoSenseIsRefusedWithWords) {
  for (const char* target :
       {"/api/ai/calls?format=xml", "/api/ai/calls?limit=0", "/api/ai/calls?limit=1001",
        "/api/ai/calls?since=yesterday", "/api/ai/usage?by=colour",
        "/api/ai/usage?by=day,user,model,sandbox"}) {
    EXPECT_EQ(Send("GET", target)->answer.status, 400) << target;
  }
  for (const char* body :
       {R"({"limitUsd":"1"})", R"({"scope":"galaxy","limitUsd":"1"})",
        R"({"scope":"user","limitUsd":"1"})",
        R"({"scope":"organization","subject":"x","limitUsd":"1"})",
        R"({"scope":"user","subject":"x"})", R"({"scope":"organization","limitUsd":1})",
        R"({"scope":"organization","limitMicroUsd":-5})",
        R"({"scope":"organization","limitMicroUsd":1.5})",
        R"({"scope":"organization","limitUsd":"1","period":"year"})",
        R"({"scope":"organization","limitUsd":"1","onExhausted":"cry"})"}) {
    const bool fine =
        std::string_view(body) == R"({"limitUsd":"1"})";  // the organization's, a month
    EXPECT_EQ(Send("PUT", "/api/ai/budgets", body)->answer.status, fine ? 201 : 400) << body;
  }
  EXPECT_EQ(Send("PUT", "/api/ai/budgets", R"({"limitUsd":"2"})")->answer.status, 200);
  EXPECT_EQ(Send("POST", "/api/ai/tokens", R"({"expiresInSeconds":5})")->answer.status, 400);
  EXPECT_EQ(Send("POST", "/api/ai/tokens", R"({"sandboxId":"none"})")->answer.status, 404);
}

TEST_F(AiTest, OnlyAdministratorsChangeBudgets) {
  const std::string ann = MemberKey("ann");
  EXPECT_EQ(SendAs(ann, "PUT", "/api/ai/budgets", R"({"limitUsd":"1"})")->answer.status, 403);
  const auto made = Send("PUT", "/api/ai/budgets", R"({"limitUsd":"1"})");
  const std::string path = "/api/ai/budgets/" + *json::GetString(Json(*made), "id");
  EXPECT_EQ(SendAs(ann, "GET", path)->answer.status, 200);
  EXPECT_EQ(SendAs(ann, "DELETE", path)->answer.status, 403);
  const auto changed = Send("PUT", "/api/ai/budgets", R"({"onExhausted":"warn"})");
  EXPECT_EQ(json::GetString(Json(*changed), "id"), json::GetString(Json(*made), "id"));
  EXPECT_EQ(json::GetInt(Json(*changed), "limitMicroUsd"), 1'000'000) << "what is not given stays";
  EXPECT_EQ(json::GetString(Json(*changed), "onExhausted"), "warn");
  EXPECT_EQ(Send("DELETE", path)->answer.status, 204);
  EXPECT_EQ(Send("GET", path)->answer.status, 404);
}

TEST_F(AiTest, ABudgetIsForTheKeyThatItsNameMeans) {
  MemberKey("ann");
  const std::string id = keys_->Find(identity::kDefaultOrg, "key of ann")->id;
  const auto made =
      Send("PUT", "/api/ai/budgets", R"({"scope":"key","subject":"key of ann","limitUsd":"1"})");
  EXPECT_EQ(json::GetString(Json(*made), "subject"), id);
  const char* unknown = R"({"scope":"key","subject":"nobody's","limitUsd":"1"})";
  EXPECT_EQ(Send("PUT", "/api/ai/budgets", unknown)->answer.status, 404);
}

TEST_F(AiTest, ATokenCallsModelsAsWhomItWasMadeForAndDoesNothingElse) {
  const std::string ann = MemberKey("ann");
  EXPECT_EQ(SendAs(ann, "POST", "/api/ai/tokens", R"({"userId":"bob"})")->answer.status, 403);
  const std::string box = CreateBox();
  const auto made = SendAs(ann, "POST", "/api/ai/tokens", R"({"sandboxId":")" + box + R"("})");
  ASSERT_EQ(made->answer.status, 201) << made->text;
  const std::string token = *json::GetString(Json(*made), "token");
  EXPECT_EQ(SendAs(token, "POST", "/ai/openai/v1/responses")->answer.status, 200);
  ASSERT_EQ(model_callers_.size(), 1U);
  EXPECT_EQ(model_callers_[0].user, "ann");
  EXPECT_EQ(model_callers_[0].sandbox.value, box);
  EXPECT_EQ(model_callers_[0].template_name, "host");
  EXPECT_EQ(model_callers_[0].key_id, keys_->Find(identity::kDefaultOrg, "key of ann")->id);
  EXPECT_FALSE(model_callers_[0].token_id.empty());
  EXPECT_EQ(SendAs(token, "GET", "/api/sandbox")->answer.status, 401);
  EXPECT_EQ(SendAs(token, "POST", "/api/ai/tokens")->answer.status, 401);
  EXPECT_EQ(SendAs(token, "GET", "/toolbox/" + box + "/work-dir")->answer.status, 401);
  const auto list = SendAs(MemberKey("bob"), "GET", "/api/ai/tokens");
  EXPECT_EQ(Items(*list), 0U) << "bob does not see ann's";
  EXPECT_EQ(list->text.find(token), std::string::npos);
  EXPECT_EQ(Send("DELETE", "/api/sandbox/" + box)->answer.status, 200);
  EXPECT_EQ(SendAs(token, "POST", "/ai/openai/v1/responses")->answer.status, 401);
}

TEST_F(AiTest, ATokenEndsWithItsKey) {
  const auto works = [this](const std::string& token) {
    return SendAs(token, "POST", "/ai/openai/v1/responses")->answer.status == 200;
  };
  const auto token_of = [this](const std::string& key) {
    return *json::GetString(Json(*SendAs(key, "POST", "/api/ai/tokens", "{}")), "token");
  };
  const std::string anns = token_of(MemberKey("ann"));
  const std::string id = keys_->Find(identity::kDefaultOrg, "key of ann")->id;
  EXPECT_TRUE(works(anns));
  EXPECT_EQ(Items(*Send("GET", "/api/ai/tokens")), 1U);
  ASSERT_TRUE(loop_.RunUntil(keys_->Delete(identity::kDefaultOrg, id)).ok());
  EXPECT_FALSE(works(anns));
  EXPECT_EQ(Items(*Send("GET", "/api/ai/tokens")), 0U);
  identity::KeyRequest request;
  request.org = identity::kDefaultOrg;
  request.name = id;
  ASSERT_TRUE(loop_.RunUntil(keys_->Create(request)).ok());
  EXPECT_FALSE(works(anns)) << "a key of another's id as its name is another key";

  request.name = "short";
  request.expires_at = WallTime{WallNow().micros + 200'000};
  const std::string of_short = token_of(loop_.RunUntil(keys_->Create(request))->secret);
  EXPECT_TRUE(works(of_short));
  while (WallNow() < *request.expires_at) loop_.RunUntil(Pause());
  EXPECT_FALSE(works(of_short));
}

TEST_F(AiTest, WhoWasLetInMayCallUntilItsTokenItsKeyOrItsSandboxIsGone) {
  const std::string box = CreateBox();
  const std::string bobs = MemberKey("bob");
  const auto caller_by = [this](const std::string& secret) {
    EXPECT_EQ(SendAs(secret, "POST", "/ai/openai/v1/responses")->answer.status, 200);
    return model_callers_.back();
  };
  const auto token = [&](const std::string& body) {
    return Json(*SendAs(bobs, "POST", "/api/ai/tokens", body));
  };
  const json::Object plain = token("{}");
  const json::Object bound = token(R"({"sandboxId":")" + box + R"("})");
  const bridge::Caller by_key = caller_by(bobs);
  const bridge::Caller by_token = caller_by(*json::GetString(plain, "token"));
  const bridge::Caller by_bound = caller_by(*json::GetString(bound, "token"));
  bridge::Caller inside;
  inside.org = identity::kDefaultOrg;
  inside.sandbox = SandboxId(box);
  for (const bridge::Caller& caller : {by_key, by_token, by_bound, inside}) {
    EXPECT_FALSE(api_->WhyEnded(caller));
  }
  ASSERT_EQ(Send("DELETE", "/api/sandbox/" + box)->answer.status, 200);
  EXPECT_EQ(api_->WhyEnded(by_bound)->status, 401);
  EXPECT_FALSE(api_->WhyEnded(by_token));
  ASSERT_EQ(Send("DELETE", "/api/ai/tokens/" + *json::GetString(plain, "id"))->answer.status, 204);
  EXPECT_EQ(api_->WhyEnded(by_token)->code, "cove_unauthenticated");
  EXPECT_FALSE(api_->WhyEnded(by_key));
  ASSERT_TRUE(loop_.RunUntil(keys_->Delete(identity::kDefaultOrg, by_key.key_id)).ok());
  EXPECT_EQ(api_->WhyEnded(by_key)->status, 401);
}

TEST_F(AiTest, ATokenForASandboxNeedsTheScopeOfSandboxes) {
  const std::string body = R"({"sandboxId":")" + CreateBox() + R"("})";
  const std::string models = KeyWith({"use:models"});
  const auto refused = SendAs(models, "POST", "/api/ai/tokens", body);
  EXPECT_EQ(refused->answer.status, 403);
  EXPECT_NE(refused->text.find("write:sandboxes"), std::string::npos) << refused->text;
  EXPECT_EQ(SendAs(models, "POST", "/api/ai/tokens", "{}")->answer.status, 201);
  const std::string both = KeyWith({"use:models", "write:sandboxes"});
  EXPECT_EQ(SendAs(both, "POST", "/api/ai/tokens", body)->answer.status, 201);
}

TEST_F(AiTest, AKeyWithScopesCallsModelsOnlyWithThatOfModels) {
  const auto key = [this](std::string name, std::vector<std::string> scopes) {
    identity::KeyRequest request;
    request.org = identity::kDefaultOrg;
    request.user = "ann";
    request.name = std::move(name);
    request.scopes = std::move(scopes);
    return loop_.RunUntil(keys_->Create(request))->secret;
  };
  const auto call = [this](const std::string& secret) {
    return SendAs(secret, "POST", "/ai/openai/v1/responses");
  };
  const std::string daytonas = key("daytona's", {"write:sandboxes", "read:volumes"});
  const auto refused = call(daytonas);
  EXPECT_EQ(refused->answer.status, 403);
  EXPECT_EQ(refused->text, "cove_key_without_models");
  EXPECT_EQ(model_callers_.back().user, "ann") << "the book is told whose key it was";
  EXPECT_EQ(SendAs(daytonas, "POST", "/api/ai/tokens", "{}")->answer.status, 403)
      << "a token would do what the key may not";
  EXPECT_EQ(SendAs(daytonas, "POST", "/api/sandbox", "{}")->answer.status, 200)
      << "its own names go on working";
  const std::string models = key("models", {"use:models"});
  EXPECT_EQ(call(models)->answer.status, 200);
  EXPECT_EQ(SendAs(models, "POST", "/api/ai/tokens", "{}")->answer.status, 201);
  EXPECT_EQ(SendAs(models, "POST", "/api/sandbox", "{}")->answer.status, 403);
  EXPECT_EQ(call(key("plain", {}))->answer.status, 200) << "without any scope: as before";
  EXPECT_EQ(call("cove_unknown")->text, "cove_unauthenticated");
  EXPECT_TRUE(model_callers_.back().org.empty()) << "a stranger is nobody's";
}

TEST_F(AiTest, MetricsNeedTheirScope) {
  EXPECT_EQ(SendAs(MemberKey("ann"), "GET", "/metrics")->answer.status, 403);
  EXPECT_EQ(SendAs(KeyWith({"read:metrics"}), "GET", "/metrics")->answer.status, 200);
}

}  // namespace
}  // namespace cove::api
