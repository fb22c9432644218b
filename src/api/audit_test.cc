// Goal: the audit's rows of a sandbox are found by its name while it lives and by its id for ever;
// a name that means nothing is an error, not an empty answer. Method: the whole Api, a real log.
#include <gmock/gmock.h>

#include "api/api_fixture_test.h"

namespace cove::api {
namespace {

using testing::HasSubstr;

class AuditRoutesTest : public ApiTest {
 protected:
  void AppendRow(const std::string& sandbox, std::string host) {
    audit::Record record;
    record.sandbox = SandboxId(sandbox);
    record.host = std::move(host);
    record.reason = "no_rule";
    EXPECT_TRUE(loop_.RunUntil(audit_->Append(std::move(record))).ok());
  }
  // The hosts of the rows that an administrator sees, or the status of a refusal.
  std::string Rows(const std::string& sandbox) {
    const auto answer = Send("GET", "/api/audit?sandboxId=" + sandbox);
    if (answer->answer.status != 200) return std::to_string(answer->answer.status);
    const json::Object body = Json(*answer);
    std::string out;
    for (const json::Value& row : *json::GetArray(body, "items")) {
      out += json::GetString(row.as_object(), "host").value_or("?") + " ";
    }
    return out;
  }
  std::string AuditorKey() {
    identity::KeyRequest request;
    request.org = identity::kDefaultOrg;
    request.user = "ann";
    request.name = "auditor";
    request.scopes = {"read:audit_logs"};
    return loop_.RunUntil(keys_->Create(request))->secret;
  }
};

TEST_F(AuditRoutesTest, RowsOfADeletedSandboxAreFoundByItsIdAndHowThatBegins) {
  const std::string id = CreateBox(R"({"name":"k"})");
  AppendRow(id, "one.test");
  AppendRow(CreateBox(), "other.test");
  AppendRow(id, "two.test");
  EXPECT_EQ(Rows("k"), "one.test two.test ");
  for (const size_t chars : {36u, 9u, 8u}) EXPECT_EQ(Rows(id.substr(0, chars)), Rows("k")) << chars;
  EXPECT_EQ(Send("DELETE", "/api/sandbox/k")->answer.status, 200);
  EXPECT_EQ(Rows("k"), "404");
  for (const size_t chars : {36u, 20u, 8u}) {
    EXPECT_EQ(Rows(id.substr(0, chars)), "one.test two.test ") << chars;
  }
  EXPECT_EQ(Rows(id.substr(0, 7)), "404");
  EXPECT_EQ(Rows(id + "0"), "404");
}

TEST_F(AuditRoutesTest, ATextThatNamesNoSandboxIsRefusedWithWhatWouldNameOne) {
  for (const std::string path : {"/api/audit", "/api/audit/export", "/api/audit/tail"}) {
    const auto answer = Send("GET", path + "?sandboxId=nosuch");
    EXPECT_EQ(answer->answer.status, 404) << path;
    EXPECT_THAT(answer->text, HasSubstr("'nosuch': a deleted one is named by its id")) << path;
  }
}

TEST_F(AuditRoutesTest, AFilterThatNoRecordCouldMeetIsRefusedWithWhatOneCould) {
  const std::pair<const char*, const char*> wrong[] = {
      {"reason=nosuch", "there is no reason 'nosuch' in the audit; there are allowed, "},
      {"channel=ftp", "there is no channel 'ftp' in the audit; there are dns, "},
      {"kind=opened", "kind must be decision, close, oom, down or pruned"},
      {"port=70000", "port must be from 1 to 65535"},
      {"port=0", "port must be from 1 to 65535"},
      {"path=v1", "path must begin with '/'"},
      {"path=/v1%3Fq", "records leave queries out"},
      {"host=https://a.test", "host must be a name, '*.name' or an address"},
      {"host=a%20b.test", "host must be a name, '*.name' or an address"},
      {"since=2026-11-21T02:00:00Z&until=2026-11-21T01:00:00Z", "since must be before until"},
  };
  for (const std::string path : {"/api/audit", "/api/audit/export", "/api/audit/tail"}) {
    for (const auto& [query, why] : wrong) {
      const auto answer = Send("GET", path + "?" + query);
      EXPECT_EQ(answer->answer.status, 400) << path << " " << query;
      EXPECT_THAT(answer->text, HasSubstr(why)) << path;
    }
  }
}

TEST_F(AuditRoutesTest, FiltersAreComparedInTheFormThatRecordsHave) {
  audit::Record record;
  record.sandbox = SandboxId(CreateBox());
  record.user = "ann";
  record.channel = "https";
  record.host = "api.one.test";
  record.port = 8443;
  record.method = "GET";
  record.path = "/v1/users";
  record.secrets = "forge";
  record.reason = "allowed";
  EXPECT_TRUE(loop_.RunUntil(audit_->Append(record)).ok());
  const auto rows = [&](const std::string& query) {
    const auto answer = Send("GET", "/api/audit?" + query);
    return answer->answer.status == 200 ? json::GetArray(Json(*answer), "items")->size() : 99u;
  };
  for (const char* query :
       {"host=API.one.test.", "host=*.one.test", "port=8443", "method=get", "path=/v1/*",
        "user=ann", "channel=https", "secret=forge", "reason=allowed&port=8443&user=ann"}) {
    EXPECT_EQ(rows(query), 1u) << query;
  }
  for (const char* query : {"host=one.test", "port=443", "method=POST", "path=/v2/*", "user=bob",
                            "channel=dns", "secret=other", "reason=no_rule"}) {
    EXPECT_EQ(rows(query), 0u) << query;
  }
}

TEST_F(AuditRoutesTest, RowsOfNamesThatAreNoneAreFoundByThem) {
  const std::string id = CreateBox();
  for (const char* name : {"a_b.test", "x.a_b.test", "a..test", "(unprintable)"})
    AppendRow(id, name);
  const auto rows = [&](const std::string& query) {
    const auto answer = Send("GET", "/api/audit?" + query);
    return answer->answer.status == 200 ? json::GetArray(Json(*answer), "items")->size() : 99u;
  };
  for (const char* query : {"host=a_b.test", "host=A_B.test.", "host=*.a_b.test", "host=a..test",
                            "host=(unprintable)"}) {
    EXPECT_EQ(rows(query), 1u) << query;
  }
  EXPECT_EQ(rows("host=b_a.test"), 0u);
}

TEST_F(AuditRoutesTest, AnExportByTheBeginningOfAnIdHasTheLinesThatItFinds) {
  const std::string id = CreateBox();
  AppendRow(id, "one.test");
  AppendRow(CreateBox(), "other.test");
  const std::string text = Send("GET", "/api/audit/export?sandboxId=" + id.substr(0, 8))->text;
  EXPECT_THAT(text, HasSubstr("one.test"));
  EXPECT_EQ(text.find("other.test"), std::string::npos);
}

TEST_F(AuditRoutesTest, OthersThanAdministratorsNameASandboxThatLives) {
  const std::string id = CreateBox(R"({"name":"k"})");
  AppendRow(id, "one.test");
  const std::string key = AuditorKey();
  const auto status = [&](const std::string& sandbox) {
    return SendAs(key, "GET", "/api/audit?sandboxId=" + sandbox)->answer.status;
  };
  EXPECT_EQ(SendAs(key, "GET", "/api/audit")->answer.status, 400);
  EXPECT_EQ(status("k"), 200);
  EXPECT_EQ(status(id), 200);
  EXPECT_EQ(status(id.substr(0, 8)), 404);
  EXPECT_EQ(Send("DELETE", "/api/sandbox/k")->answer.status, 200);
  EXPECT_EQ(status(id), 404);
}

}  // namespace
}  // namespace cove::api
