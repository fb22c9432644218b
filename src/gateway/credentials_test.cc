// Goal: a secret goes exactly where its placeholder stands, in the right spelling, for the requests
// it is bound to and no others. Method: requests as values; no network.
#include "gateway/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/base64.h"

namespace cove::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPlaceholder[] = "dtn_secret_0123456789abcdef";
constexpr char kValue[] = "s3cr\"et/va+lue&";

struct Builder {
  Credential credential;
  Builder() {
    credential.name = "api";
    credential.placeholder = kPlaceholder;
    credential.value = kValue;
    To("api.test");
  }
  Builder& To(std::string_view rule) {
    credential.scope.rules.clear();
    credential.scope.rules.push_back(*policy::ParseRule(rule, policy::Layer::kNone));
    return *this;
  }
  Builder& Header(std::string_view text) {
    credential.header = *CredentialHeader::Parse(text);
    return *this;
  }
};

std::shared_ptr<const Credentials> Holding(std::vector<Credential> all,
                                           std::vector<std::string> attached) {
  auto vault = std::make_shared<Vault>();
  for (Credential& one : all) {
    const std::string name = one.name;
    (*vault)[name] = std::make_shared<const Credential>(std::move(one));
  }
  return std::make_shared<Credentials>(std::move(vault), std::move(attached));
}

CredentialQuestion To(std::string_view host, std::string_view method = "GET",
                      std::string_view target = "/") {
  CredentialQuestion out;
  out.host = host;
  out.port = 443;
  out.method = method;
  out.target = target;
  return out;
}

CredentialUse UseOf(const Builder& builder) {
  return *Holding({builder.credential}, {"api"})->For(To("api.test"));
}

TEST(CredentialsTest, APlaceholderInAHeaderBecomesTheValue) {
  http::Headers headers{{"X-Api-Key", kPlaceholder},
                        {"Authorization", std::string("Bearer ") + kPlaceholder},
                        {"Cookie", std::string("a=1; token=") + kPlaceholder + "; b=2"},
                        {"X-Other", "dtn_secret_0123456789abcdee"}};
  std::string target = "/v1";
  EXPECT_THAT(*UseOf({}).PutInto(headers, target), ElementsAre("api"));
  EXPECT_EQ(headers.Get("x-api-key"), kValue);
  EXPECT_EQ(headers.Get("authorization"), std::string("Bearer ") + kValue);
  EXPECT_EQ(headers.Get("cookie"), std::string("a=1; token=") + kValue + "; b=2");
  EXPECT_EQ(headers.Get("x-other"), "dtn_secret_0123456789abcdee");
  EXPECT_EQ(headers.Get("accept-encoding"), "identity");
}

TEST(CredentialsTest, InBasicItIsDecodedReplacedAndEncoded) {
  for (const std::string& pair :
       {std::string("user:") + kPlaceholder, std::string(kPlaceholder) + ":x-oauth-basic"}) {
    http::Headers headers{{"Authorization", "bAsIc " + codec::EncodeBase64(pair)}};
    std::string target = "/";
    EXPECT_THAT(*UseOf({}).PutInto(headers, target), ElementsAre("api"));
    std::string wanted = pair;
    wanted.replace(wanted.find(kPlaceholder), sizeof kPlaceholder - 1, kValue);
    EXPECT_EQ(headers.Get("authorization"), "Basic " + codec::EncodeBase64(wanted));
  }
  http::Headers other{{"Authorization", "Basic " + codec::EncodeBase64("me:mine")}};
  std::string target = "/";
  EXPECT_THAT(*UseOf({}).PutInto(other, target), IsEmpty());
  EXPECT_EQ(other.Get("authorization"), "Basic " + codec::EncodeBase64("me:mine"));
}

TEST(CredentialsTest, InTheQueryItIsPercentEncodedAndThePathIsLeft) {
  http::Headers headers;
  std::string target = std::string("/") + kPlaceholder + "?a=1&key=" + kPlaceholder + "&b=2";
  EXPECT_THAT(*UseOf({}).PutInto(headers, target), ElementsAre("api"));
  EXPECT_EQ(target, std::string("/") + kPlaceholder + "?a=1&key=s3cr%22et%2Fva%2Blue%26&b=2");
}

TEST(CredentialsTest, InABodyItIsSpelledAsTheTypeDemands) {
  const auto in = [](const char* type) {
    http::Headers headers{{"Content-Type", type}};
    const auto found = UseOf({}).InBody(headers);
    return found.empty() ? std::string("-") : found[0].to;
  };
  EXPECT_EQ(in("application/json; charset=utf-8"), R"(s3cr\"et/va+lue&)");
  EXPECT_EQ(in("application/vnd.api+json"), R"(s3cr\"et/va+lue&)");
  EXPECT_EQ(in("application/x-www-form-urlencoded"), "s3cr%22et%2Fva%2Blue%26");
  EXPECT_EQ(in("multipart/form-data; boundary=x"), kValue);
  EXPECT_EQ(in("text/plain"), kValue);
  EXPECT_EQ(in("application/octet-stream"), "-");
  EXPECT_EQ(in("application/x-git-receive-pack-request"), "-");
  http::Headers packed{{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}};
  EXPECT_THAT(UseOf({}).InBody(packed), IsEmpty());
}

TEST(CredentialsTest, APlaceThatIsClosedToItIsLeftAlone) {
  Builder builder;
  builder.credential.in_query = builder.credential.in_body = false;
  http::Headers headers{{"Content-Type", "text/plain"}};
  std::string target = std::string("/?k=") + kPlaceholder;
  EXPECT_THAT(*UseOf(builder).PutInto(headers, target), IsEmpty());
  EXPECT_THAT(target, HasSubstr(kPlaceholder));
  EXPECT_THAT(UseOf(builder).InBody(headers), IsEmpty());
}

TEST(CredentialsTest, AValueThatNoHeaderCanHoldStaysOutOfThem) {
  Builder builder;
  builder.credential.value = "line\r\nX-Evil: 1";
  http::Headers headers{{"X-Api-Key", kPlaceholder}};
  std::string target = "/";
  EXPECT_THAT(*UseOf(builder).PutInto(headers, target), IsEmpty());
  EXPECT_EQ(headers.Get("x-api-key"), kPlaceholder);
}

TEST(CredentialsTest, OnlyForItsHostPortMethodAndPath) {
  Builder builder;
  builder.To("*.api.test:443");
  builder.credential.scope.rules[0].methods = {"GET"};
  builder.credential.scope.rules[0].paths = {*policy::PathPattern::Parse("/org/**")};
  const auto held = Holding({builder.credential}, {"api"});
  const auto is_for = [&](CredentialQuestion q) { return held->For(q)->has_any(); };
  EXPECT_TRUE(is_for(To("eu.api.test", "GET", "/org/x")));
  EXPECT_FALSE(is_for(To("api.test", "GET", "/org/x")));
  EXPECT_FALSE(is_for(To("eu.api.test.evil.test", "GET", "/org/x")));
  EXPECT_FALSE(is_for(To("eu.api.test", "POST", "/org/x")));
  EXPECT_FALSE(is_for(To("eu.api.test", "GET", "/other")));
  EXPECT_FALSE(is_for(To("eu.api.test", "GET", "/org/../other")));
  CredentialQuestion other_port = To("eu.api.test", "GET", "/org/x");
  other_port.port = 8443;
  EXPECT_FALSE(is_for(other_port));
  EXPECT_TRUE(held->Concern("eu.api.test", 443));
  EXPECT_FALSE(held->Concern("eu.api.test", 8443));
  EXPECT_FALSE(held->Concern("evil.test", 443));
}

TEST(CredentialsTest, ASandboxThatWasNotGivenItHasNoneOfIt) {
  const auto held = Holding({Builder().credential}, {"another", "gone"});
  EXPECT_TRUE(held->For(To("api.test"))->empty());
  EXPECT_FALSE(held->Concern("api.test", 443));
}

TEST(CredentialsTest, ARuleAddsItToRequestsWithoutAPlaceholder) {
  const std::vector<std::string> names = {"api"};
  const auto put = [&](const Builder& builder, http::Headers headers) {
    CredentialQuestion question = To("api.test");
    question.by_rule = &names;
    std::string target = "/";
    const auto held = Holding({builder.credential}, {});
    EXPECT_THAT(*held->For(question)->PutInto(headers, target), ElementsAre("api"));
    return headers;
  };
  EXPECT_EQ(put({}, {}).Get("authorization"), std::string("Bearer ") + kValue);
  EXPECT_EQ(put(Builder().Header("basic git"), {}).Get("authorization"),
            "Basic " + codec::EncodeBase64(std::string("git:") + kValue));
  // What the sandbox brings itself does not stand in for what the rule promises.
  EXPECT_EQ(put(Builder().Header("field PRIVATE-TOKEN"), {{"private-token", "mine"}})
                .Get("private-token"),
            kValue);
}

TEST(CredentialsTest, ARuleWhoseSecretIsNotForTheRequestIsAnError) {
  const std::vector<std::string> names = {"api", "gone"};
  CredentialQuestion question = To("other.test");
  question.by_rule = &names;
  EXPECT_EQ(Holding({Builder().credential}, {})->For(question).error().code(), Code::kDenied);
}

TEST(CredentialsTest, OneWithAHeaderOfItsOwnIsAddedUnlessItsPlaceholderCame) {
  Builder builder;
  builder.Header("basic git");
  http::Headers none;
  std::string target = "/";
  EXPECT_THAT(*UseOf(builder).PutInto(none, target), ElementsAre("api"));
  EXPECT_EQ(none.Get("authorization"),
            "Basic " + codec::EncodeBase64(std::string("git:") + kValue));
  http::Headers own{{"Authorization", std::string("token ") + kPlaceholder}};
  EXPECT_THAT(*UseOf(builder).PutInto(own, target), ElementsAre("api"));
  EXPECT_EQ(own.Get("authorization"), std::string("token ") + kValue);
}

TEST(CredentialsTest, AnAnswerIsSearchedForAllItsSpellings) {
  const auto hidden = UseOf(Builder().Header("basic u")).InAnswer();
  const std::string text = std::string(kValue) + R"( s3cr\"et/va+lue& s3cr%22et%2Fva%2Blue%26 )" +
                           codec::EncodeBase64(std::string("u:") + kValue);
  EXPECT_EQ(TextReplacer::All(text, hidden), std::string(kPlaceholder) + " " + kPlaceholder + " " +
                                                 kPlaceholder + " " + kPlaceholder);
}

TEST(CredentialsTest, HeadersOfSecretsAreReadStrictly) {
  for (const char* text : {"Bearer", "basic", "basic ", "basic a:b", "field", "field a b",
                           "field Host", "field content-length", "token x", " "}) {
    EXPECT_FALSE(CredentialHeader::Parse(text)) << text;
  }
  EXPECT_EQ(CredentialHeader::Parse("basic x-access-token")->text, "x-access-token");
}

}  // namespace
}  // namespace cove::gateway
