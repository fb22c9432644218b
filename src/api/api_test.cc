// Goal: requests of the control plane get the answers and errors that the SDKs read.
// Method: the whole Api over a real control and store, with exchanges that have no connection.
#include "api/api_fixture_test.h"

namespace cove::api {
namespace {

void ExpectFault(const FakeExchange& exchange, int status, std::string_view source,
                 std::string_view code) {
  EXPECT_EQ(exchange.answer.status, status) << exchange.text;
  auto body = json::ParseObject(exchange.text);
  ASSERT_TRUE(body.ok()) << exchange.text;
  EXPECT_EQ(json::GetInt(*body, "statusCode"), status);
  EXPECT_EQ(json::GetString(*body, "source"), source);
  EXPECT_EQ(json::GetString(*body, "code"), code);
  for (const char* field : {"message", "error", "path", "method", "timestamp"}) {
    EXPECT_TRUE(json::GetString(*body, field)) << field;
  }
}

TEST_F(ApiTest, ACreatedSandboxHasEveryFieldThatClientsRequire) {
  const auto answer = Send("POST", "/api/sandbox",
                           R"({"env":{"A":"1"},"labels":{"code-toolbox-language":"python"},)"
                           R"("autoStopInterval":30,"cpu":1,"memory":1,"disk":3})");
  ASSERT_EQ(answer->answer.status, 200) << answer->text;
  const json::Object dto = Json(*answer);
  for (const char* field :
       {"id", "organizationId", "name", "user", "env", "labels", "public", "networkBlockAll",
        "target", "cpu", "gpu", "memory", "disk", "toolboxProxyUrl", "kvm", "state"}) {
    EXPECT_TRUE(dto.contains(field)) << field;
  }
  EXPECT_EQ(json::GetString(dto, "state"), "started");
  EXPECT_EQ(json::GetInt(dto, "autoStopInterval"), 30);
  EXPECT_EQ(json::GetInt(dto, "cpu"), 1);
  EXPECT_EQ(json::GetString(dto, "toolboxProxyUrl"), "http://127.0.0.1:3986/toolbox");
  EXPECT_EQ(json::GetString(*json::GetObject(dto, "labels"), "code-toolbox-language"), "python");
}

TEST_F(ApiTest, FractionsAreRoundedUpForClientsThatTakeWholeNumbersOnly) {
  const auto dto = Json(*Send("POST", "/api/sandbox", R"({"cpu":0.5,"memory":0.25,"disk":1.5})"));
  EXPECT_EQ(json::GetInt(dto, "cpu"), 1);
  EXPECT_EQ(json::GetInt(dto, "disk"), 2);
  EXPECT_EQ(json::GetNumber(*json::GetObject(dto, "limits"), "cpu"), 0.5);
}

TEST_F(ApiTest, FieldsOfTheContractAndOfNewerClientsPass) {
  const auto answer = Send("POST", "/api/sandbox",
                           R"({"gpu":0,"spot":false,"class":"small","sandboxClass":"container",)"
                           R"("buildInfo":null,"somethingNew":{"a":1},"organizationId":"x",)"
                           R"("snapshotId":"y","vcpu":null})");
  EXPECT_EQ(answer->answer.status, 200) << answer->text;
}

TEST_F(ApiTest, BadCreatesAreRefusedByName) {
  ExpectFault(*Send("POST", "/api/sandbox", R"({"snapshot":"no-such-thing"})"), 400, "DAYTONA_API",
              "BAD_REQUEST");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"env":["A"]})"), 400, "DAYTONA_API", "BAD_REQUEST");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"cpu":"many"})"), 400, "DAYTONA_API",
              "BAD_REQUEST");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"cpu":0})"), 400, "DAYTONA_API", "BAD_REQUEST");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"env": {)"), 400, "DAYTONA_API", "BAD_REQUEST");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"memmory":4})"), 400, "DAYTONA_API", "BAD_REQUEST");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"PIDs":4})"), 400, "DAYTONA_API", "BAD_REQUEST");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"volumes":[{"volumeId":"v"}]})"), 501,
              "DAYTONA_API", "NOT_IMPLEMENTED");
  ExpectFault(*Send("POST", "/api/sandbox", std::string(2 * 1024 * 1024, 'x')), 413, "DAYTONA_API",
              "PAYLOAD_TOO_LARGE");
  EXPECT_EQ(sandboxes_->size(), 0u);
}

TEST_F(ApiTest, ANameIsTakenOnce) {
  CreateBox(R"({"name":"twin"})");
  ExpectFault(*Send("POST", "/api/sandbox", R"({"name":"twin"})"), 409, "DAYTONA_API", "CONFLICT");
}

TEST_F(ApiTest, ASandboxIsFoundByIdAndByName) {
  const std::string id = CreateBox(R"({"name":"one"})");
  EXPECT_EQ(json::GetString(Json(*Send("GET", "/api/sandbox/one")), "id"), id);
  EXPECT_EQ(json::GetString(Json(*Send("GET", "/api/sandbox/" + id)), "name"), "one");
  ExpectFault(*Send("GET", "/api/sandbox/two"), 404, "DAYTONA_API", "NOT_FOUND");
}

TEST_F(ApiTest, TheListIsFilteredByLabelsAndPaged) {
  CreateBox(R"({"labels":{"team":"a"}})");
  CreateBox(R"({"labels":{"team":"b"}})");
  CreateBox(R"({"labels":{"team":"b"}})");
  const auto some = Json(*Send("GET", "/api/sandbox?labels=%7B%22team%22%3A%22b%22%7D&limit=1"));
  EXPECT_EQ(json::GetArray(some, "items")->size(), 1u);
  const auto cursor = json::GetString(some, "nextCursor");
  ASSERT_TRUE(cursor);
  const auto rest = Json(
      *Send("GET", "/api/sandbox?labels=%7B%22team%22%3A%22b%22%7D&limit=1&cursor=" + *cursor));
  EXPECT_EQ(json::GetArray(rest, "items")->size(), 1u);
  EXPECT_TRUE(json::Find(rest, "nextCursor")->is_null());
  const auto none = Json(*Send("GET", "/api/sandbox?states=archived&states=paused"));
  EXPECT_EQ(json::GetArray(none, "items")->size(), 0u);
  ExpectFault(*Send("GET", "/api/sandbox?limit=0"), 400, "DAYTONA_API", "BAD_REQUEST");
}

TEST_F(ApiTest, TheLifeCycleRunsOverTheApi) {
  const std::string path = "/api/sandbox/" + CreateBox();
  EXPECT_EQ(json::GetString(Json(*Send("POST", path + "/stop?force=false")), "state"), "stopped");
  ExpectFault(
      *Send("POST", "/toolbox" + path.substr(12) + "/process/execute", R"({"command":"true"})"),
      409, "DAYTONA_DAEMON", "CONFLICT");
  EXPECT_EQ(json::GetString(Json(*Send("POST", path + "/start")), "state"), "started");
  EXPECT_EQ(json::GetInt(Json(*Send("POST", path + "/autostop/0")), "autoStopInterval"), 0);
  EXPECT_EQ(Send("PUT", path + "/labels", R"({"labels":{"k":"v"}})")->answer.status, 200);
  EXPECT_EQ(Send("DELETE", path)->answer.status, 200);
  EXPECT_EQ(Send("GET", path)->answer.status, 404);
}

TEST_F(ApiTest, ASlipInTheNetworkSettingsIsRefused) {
  const auto made = Send("POST", "/api/sandbox", "{}");
  const std::string at = "/api/sandbox/" + *json::GetString(Json(*made), "id");
  const auto slip = Send("POST", at + "/network-settings", R"({"networkBlockAl":true})");
  EXPECT_EQ(slip->answer.status, 400) << "the sandbox would stay open";
  EXPECT_NE(slip->text.find("networkBlockAll"), std::string::npos) << slip->text;
  EXPECT_EQ(Send("POST", at + "/network-settings", R"({"networkBlockAll":true})")->answer.status,
            200);
}

TEST_F(ApiTest, AWeightThatHasNoEffectIsKeptAndTheAnswerSaysSo) {
  room_.emplace();
  room_->boxes_by_files = room_->boxes_by_uids = 100;
  room_->threads_max = 1 << 20;
  const auto plain = Send("POST", "/api/sandbox", R"({"ioWeight":50})");
  ASSERT_EQ(plain->answer.status, 200) << plain->text;
  EXPECT_EQ(json::Find(Json(*plain), "warnings"), nullptr);
  room_->weighs_io = false;
  const auto made = Send("POST", "/api/sandbox", R"({"ioWeight":50})");
  ASSERT_EQ(made->answer.status, 200) << made->text;
  const std::string at = "/api/sandbox/" + *json::GetString(Json(*made), "id");
  const auto resized = Send("POST", at + "/resize", R"({"ioWeight":60})");
  ASSERT_EQ(resized->answer.status, 200) << resized->text;
  for (const FakeExchange* answer : {made.get(), resized.get()}) {
    const json::Object body = Json(*answer);
    const json::Array* warnings = json::GetArray(body, "warnings");
    ASSERT_NE(warnings, nullptr) << answer->text;
    ASSERT_EQ(warnings->size(), 1u);
    EXPECT_TRUE(
        warnings->at(0).as_string().starts_with("ioWeight has no effect on this machine: "));
  }
  EXPECT_NE(resized->text.find(R"("ioWeight":60)"), std::string::npos) << resized->text;
  for (const auto& silent : {Send("POST", "/api/sandbox", "{}"), Send("GET", at),
                             Send("POST", at + "/resize", R"({"pids":50})")}) {
    EXPECT_EQ(silent->text.find("warnings"), std::string::npos) << silent->text;
  }
}

TEST_F(ApiTest, KeysAreNeededAndMade) {
  FakeExchange none("GET", "/api/sandbox");
  Handle(none);
  ExpectFault(none, 401, "DAYTONA_API", "UNAUTHORIZED");
  FakeExchange wrong("GET", "/api/sandbox");
  wrong.headers().Add("Authorization", "Bearer cove_wrong");
  Handle(wrong);
  ExpectFault(wrong, 401, "DAYTONA_API", "UNAUTHORIZED");
  const auto made = Send("POST", "/api/api-keys", R"({"name":"ci","permissions":[]})");
  EXPECT_EQ(made->answer.status, 201) << made->text;
  FakeExchange mine("GET", "/api/sandbox");
  mine.headers().Add("Authorization", "Bearer " + *json::GetString(Json(*made), "value"));
  Handle(mine);
  EXPECT_EQ(mine.answer.status, 200) << mine.text;
  EXPECT_EQ(Send("DELETE", "/api/api-keys/ci")->answer.status, 204);
}

TEST_F(ApiTest, AKeyGivesNoPermissionThatItLacks) {
  const auto made = Send("POST", "/api/api-keys",
                         R"({"name":"m","permissions":["manage:api_keys","read:volumes"]})");
  ASSERT_EQ(made->answer.status, 201) << made->text;
  const std::string key = *json::GetString(Json(*made), "value");
  for (const char* given : {R"("read:audit_logs")", R"("read:volumes","use:models")", ""}) {
    const auto refused = SendAs(key, "POST", "/api/api-keys",
                                R"({"name":"n","permissions":[)" + std::string(given) + "]}");
    ExpectFault(*refused, 403, "DAYTONA_API", "FORBIDDEN");
  }
  ExpectFault(*SendAs(key, "POST", "/api/api-keys", R"({"name":"n"})"), 403, "DAYTONA_API",
              "FORBIDDEN");
  const auto own =
      SendAs(key, "POST", "/api/api-keys", R"({"name":"n","permissions":["read:volumes"]})");
  EXPECT_EQ(own->answer.status, 201) << own->text;
}

TEST_F(ApiTest, AKeyIsMadeWithPermissionsThatThereAreOnly) {
  const char* body = R"({"name":"n","permissions":["read:volumes","nope"]})";
  const auto made = Send("POST", "/api/api-keys",
                         R"({"name":"m","permissions":["manage:api_keys","read:volumes"]})");
  for (const std::string& key : {key_, *json::GetString(Json(*made), "value")}) {
    const auto refused = SendAs(key, "POST", "/api/api-keys", body);
    ExpectFault(*refused, 400, "DAYTONA_API", "BAD_REQUEST");
    EXPECT_NE(refused->text.find("'nope'"), std::string::npos) << refused->text;
    EXPECT_NE(refused->text.find("write:sandboxes"), std::string::npos) << refused->text;
  }
  EXPECT_EQ(Send("GET", "/api/api-keys/n")->answer.status, 404);
}

TEST_F(ApiTest, HealthAndConfigNeedNoKey) {
  for (const char* path : {"/health", "/api/health", "/api/config"}) {
    FakeExchange exchange("GET", path);
    Handle(exchange);
    EXPECT_EQ(exchange.answer.status, 200) << path << exchange.text;
  }
}

TEST_F(ApiTest, UnknownRoutesAndMissingFeaturesSaySo) {
  ExpectFault(*Send("GET", "/api/no/such/route"), 404, "DAYTONA_API", "NOT_FOUND");
  ExpectFault(*Send("GET", "/api/volumes"), 501, "DAYTONA_API", "NOT_IMPLEMENTED");
  ExpectFault(*Send("PATCH", "/health"), 405, "DAYTONA_API", "METHOD_NOT_ALLOWED");
}

TEST_F(ApiTest, SnapshotsAreListed) {
  const auto list = Json(*Send("GET", "/api/snapshots"));
  EXPECT_EQ(json::GetInt(list, "page"), 1);
  EXPECT_TRUE(json::GetArray(list, "items"));
}

}  // namespace
}  // namespace cove::api
