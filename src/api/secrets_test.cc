// Goal: the contract's routes of secrets, page by page, without a value in any answer.
// Method: requests to the Api over real secrets and a control whose boxes are of nothing.
#include <gmock/gmock.h>

#include "api/api_fixture_test.h"

namespace cove::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ApiSecretsTest : public ApiTest {
 protected:
  json::Object Make(const std::string& name) {
    const auto made = Send("POST", "/api/secret",
                           R"({"name":")" + name + R"(","value":"hush-hush","hosts":["a.test"]})");
    EXPECT_EQ(made->answer.status, 201) << made->text;
    EXPECT_THAT(made->text, Not(HasSubstr("hush")));
    return Json(*made);
  }
};

TEST_F(ApiSecretsTest, MadeReadChangedAndDeletedWithoutItsValue) {
  const std::string id = *json::GetString(Make("one"), "id");
  const auto got = Send("GET", "/api/secret/" + id);
  EXPECT_THAT(got->text, HasSubstr(R"("hosts":["a.test"])"));
  const auto changed =
      Send("PATCH", "/api/secret/" + id,
           R"({"value":"hush-again","hosts":["b.test"],"in":["header"],"header":"basic git"})");
  EXPECT_EQ(changed->answer.status, 200) << changed->text;
  EXPECT_THAT(changed->text, HasSubstr(R"("hosts":["b.test"])"));
  EXPECT_THAT(changed->text, HasSubstr(R"("header":"basic git")"));
  EXPECT_EQ(Json(*changed).at("name"), "one");
  for (const char* path : {"/api/secret", "/api/secret/paginated"}) {
    EXPECT_THAT(Send("GET", path)->text, Not(HasSubstr("hush")));
  }
  EXPECT_EQ(Send("DELETE", "/api/secret/" + id)->answer.status, 204);
  EXPECT_EQ(Send("GET", "/api/secret/" + id)->answer.status, 404);
}

TEST_F(ApiSecretsTest, PagesGoOnWhereTheyEnded) {
  for (const char* name : {"a", "b", "c"}) Make(name);
  const auto first = Json(*Send("GET", "/api/secret/paginated?limit=2&sort=name&order=asc"));
  EXPECT_EQ(first.at("items").as_array().size(), 2u);
  EXPECT_EQ(first.at("total"), 3);
  const std::string cursor = *json::GetString(first, "nextCursor");
  const auto second =
      Json(*Send("GET", "/api/secret/paginated?limit=2&sort=name&order=asc&cursor=" + cursor));
  ASSERT_EQ(second.at("items").as_array().size(), 1u);
  EXPECT_EQ(second.at("items").as_array()[0].at("name"), "c");
  EXPECT_TRUE(second.at("nextCursor").is_null());
  EXPECT_EQ(Json(*Send("GET", "/api/secret/paginated?name=b")).at("total"), 1);
  for (const char* bad : {"limit=0", "limit=201", "sort=value", "order=up", "cursor=nothing"}) {
    EXPECT_EQ(Send("GET", std::string("/api/secret/paginated?") + bad)->answer.status, 400) << bad;
  }
}

TEST_F(ApiSecretsTest, ASandboxIsGivenThemByName) {
  Make("one");
  const std::string id = CreateBox(R"({"secrets":[{"KEY":"one"}]})");
  EXPECT_THAT(Send("GET", "/api/sandbox/" + id)->text, HasSubstr(R"("secrets":{"KEY":"one"})"));
  const std::string path = "/api/sandbox/" + id + "/secrets";
  EXPECT_THAT(Send("PUT", path, R"({"secrets":[]})")->text, HasSubstr(R"("secrets":{})"));
  EXPECT_EQ(Send("PUT", path, R"({"secrets":[{"KEY":"two"}]})")->answer.status, 400);
  EXPECT_EQ(Send("PUT", path, R"({"secrets":{"KEY":"one"}})")->answer.status, 400);
  EXPECT_EQ(Send("PUT", path, "{}")->answer.status, 400);
  EXPECT_EQ(Send("GET", path)->answer.status, 403);
}

}  // namespace
}  // namespace cove::api
