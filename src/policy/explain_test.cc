// Goal: an explanation comes to the gateway's decision and shows what each layer said to it; layer
// documents mean what they say. Method: small documents and URLs.
#include "policy/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cove::policy {
namespace {

using testing::HasSubstr;

LayerPolicy LayerOf(std::string_view text, Layer layer = Layer::kServer) {
  auto out = ParseLayer(text, "p.toml", layer);
  EXPECT_TRUE(out) << (out ? "" : out.error().message());
  return out ? *out : LayerPolicy{};
}

std::string LayerError(std::string_view text, Layer layer = Layer::kServer) {
  const auto out = ParseLayer(text, "p.toml", layer);
  return out ? "accepted" : out.error().message();
}

TEST(LayerTest, ACeilingAloneLeavesTheDefaultToTheLayerAbove) {
  const LayerPolicy alone = LayerOf("[ceiling]\nallow=\"a.test\"");
  EXPECT_EQ(alone.standard, nullptr);
  EXPECT_NE(alone.ceiling, nullptr);
  const LayerPolicy both = LayerOf(R"({"default":"deny","ceiling":{"default":"allow"}})");
  EXPECT_NE(both.standard, nullptr);
  EXPECT_NE(both.ceiling, nullptr);
  EXPECT_EQ(LayerOf("allow=\"a.test\"").ceiling, nullptr);
}

TEST(LayerTest, WhatCouldMeanTwoThingsIsRefused) {
  EXPECT_THAT(LayerError(""), HasSubstr("the policy is empty"));
  EXPECT_THAT(LayerError("{}"), HasSubstr("the policy is empty"));
  EXPECT_THAT(LayerError("[]"), HasSubstr("p.toml"));
  EXPECT_THAT(LayerError("{\"allow\": "), HasSubstr("JSON"));
  EXPECT_THAT(LayerError("[ceiling]\nalow=1"), HasSubstr("did you mean 'allow'"));
  EXPECT_THAT(LayerError("[ceiling]\ndefault=\"allow\"", Layer::kSandbox),
              HasSubstr("leave 'ceiling'"));
  EXPECT_THAT(
      LayerError("[[rule]]\nallow=\"a.test\"\nresolves_to=[\"10.0.0.0/8\"]", Layer::kOrganization),
      HasSubstr("only the server's"));
}

TEST(InquiryTest, ReadsUrls) {
  const auto plain = Inquiry::Parse("example.org");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->port, 443);
  EXPECT_EQ(plain->target, "/");
  const auto full = Inquiry::Parse("HTTP://a.test:8080/x/y?q=1#z");
  EXPECT_EQ(full->scheme, "http");
  EXPECT_EQ(full->port, 8080);
  EXPECT_EQ(full->target, "/x/y?q=1");
  const auto v6 = Inquiry::Parse("tcp://[2001:db8::1]:22");
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->port, 22);
  EXPECT_EQ(Inquiry::Parse("https://a.test?q")->target, "/?q");
  for (const char* bad : {"", "gopher://a.test", "tcp://a.test", "https://u:p@a.test",
                          "https://[::1", "https://a.test:0", "https://a.test:99999"}) {
    EXPECT_FALSE(Inquiry::Parse(bad)) << bad;
  }
}

Explanation About(const std::shared_ptr<const Policy>& policy, std::string_view url,
                  std::string method = "GET") {
  auto inquiry = *Inquiry::Parse(url);
  inquiry.method = std::move(method);
  return Explain(*policy, inquiry, [](const Address& a) { return Classify(a, {}); });
}

TEST(ExplainTest, ShowsWhatEachLayerSays) {
  const auto policy = Policy::Make(
      {LayerOf("allow=\"pypi.org\"\n[ceiling]\nallow=\"**.corp.test\"\ndeny=\"x.corp.test\""),
       LayerOf("[ceiling]\ndefault=\"allow\"", Layer::kOrganization),
       LayerOf("allow=[\"**.corp.test\",\"evil.test\"]", Layer::kSandbox)});
  const Explanation good = About(policy, "https://a.corp.test/x");
  EXPECT_TRUE(good.decision.allow);
  EXPECT_EQ(good.stage, Explanation::Stage::kConnection);
  ASSERT_EQ(good.steps.size(), 3u);
  EXPECT_EQ(good.steps[0].layer, Layer::kSandbox);
  EXPECT_EQ(good.steps[0].part, Step::Part::kDefault);
  EXPECT_EQ(good.steps[0].decision.rule, "**.corp.test:80,443");
  EXPECT_EQ(good.steps[2].decision.rule, "default allow");

  const Explanation cut = About(policy, "evil.test");
  EXPECT_EQ(cut.stage, Explanation::Stage::kName);
  EXPECT_EQ(cut.decision.reason, Reason::kAboveCeiling);
  EXPECT_EQ(cut.decision.layer, Layer::kServer);
  EXPECT_TRUE(cut.steps[0].decision.allow);
  EXPECT_FALSE(cut.steps[1].decision.allow);
  EXPECT_EQ(About(policy, "x.corp.test").decision.rule, "deny x.corp.test:80,443");
  EXPECT_EQ(About(policy, "tcp://a.corp.test:22").decision.reason, Reason::kPortNotAllowed);
  EXPECT_EQ(About(policy, "pypi.org").decision.reason, Reason::kNoRule);
}

TEST(ExplainTest, WhatIsInEverySandboxNeedsNoRule) {
  const Policy nothing;
  const auto judged = [&](std::string_view url) {
    const Inquiry inquiry = *Inquiry::Parse(url);
    const auto classify = [](const Address& a) { return Classify(a, {}); };
    auto out = Explain(nothing, inquiry, classify);
    AddAddresses(nothing, inquiry, {Address::V4(10, 0, 0, 9)}, classify, out);
    return out.decision;
  };
  EXPECT_TRUE(judged("http://models.cove/openai/v1/responses").allow);
  EXPECT_EQ(judged("http://Models.Cove./").reason, Reason::kModelGateway);
  for (const char* url : {"ssh://models.cove", "http://proxy.cove:3128", "tcp://proxy.cove:1080"}) {
    EXPECT_TRUE(judged(url).allow) << url;
    EXPECT_EQ(judged(url).layer, Layer::kBuiltIn) << url;
  }
  for (const char* url : {"https://models.cove/", "http://proxy.cove/", "http://other.cove/"}) {
    EXPECT_FALSE(judged(url).allow) << url;
  }
}

TEST(ExplainTest, GoesAsFarAsTheGatewayCanRead) {
  const auto policy =
      Policy::Make({LayerOf("[[rule]]\nallow=\"api.test\"\nmethods=[\"GET\"]\ninspect=true\n"
                            "[[rule]]\nallow=\"hidden.test\"\npaths=[\"/a/**\"]\n"
                            "[[rule]]\nallow=\"203.0.113.0/24:22\"")});
  EXPECT_TRUE(About(policy, "https://api.test/x").decision.allow);
  EXPECT_EQ(About(policy, "https://api.test/x").stage, Explanation::Stage::kRequest);
  EXPECT_EQ(About(policy, "https://api.test/x", "POST").decision.reason,
            Reason::kRequestNotAllowed);
  EXPECT_EQ(About(policy, "https://hidden.test/a/b").decision.reason, Reason::kNeedsInspection);
  EXPECT_TRUE(About(policy, "http://hidden.test/a/b").decision.allow);
  EXPECT_EQ(About(policy, "http://hidden.test/a/../b").decision.reason, Reason::kBadPath);
  EXPECT_TRUE(About(policy, "ssh://203.0.113.7").decision.allow);
  EXPECT_EQ(About(policy, "ssh://203.0.113.7").stage, Explanation::Stage::kAddress);
  EXPECT_EQ(About(policy, "ssh://198.51.100.1").decision.reason, Reason::kNoName);
  EXPECT_EQ(About(policy, "https://un_sound").decision.reason, Reason::kBadName);
}

Explanation Leading(const std::shared_ptr<const Policy>& policy, std::string_view url,
                    const std::vector<Address>& to) {
  const auto classify = [](const Address& a) { return Classify(a, {}); };
  const auto inquiry = *Inquiry::Parse(url);
  Explanation out = Explain(*policy, inquiry, classify);
  if (out.by_address) AddAddresses(*policy, inquiry, to, classify, out);
  return out;
}

TEST(ExplainTest, WhatANameLeadsToIsTheLastStepWhereRulesSpeakOfIt) {
  const auto policy = Policy::Make(
      {LayerOf("allow=[\"203.0.113.0/24:443\",\"plain.test\"]\n"
               "deny=[\"198.51.100.0/24:443\",\"bad.test\"]\n"
               "[[rule]]\nallow=\"corp.test\"\nports=[8443]\nresolves_to=[\"10.1.0.0/16\"]")});
  const Address open = Address::V4(203, 0, 113, 7);
  const Address denied = Address::V4(198, 51, 100, 7);
  const Address corp = Address::V4(10, 1, 2, 3);
  const Explanation led = Leading(policy, "https://any.test", {corp, open});
  EXPECT_TRUE(led.decision.allow);
  EXPECT_EQ(led.stage, Explanation::Stage::kAddress);
  EXPECT_EQ(led.decision.rule, "203.0.113.0/24:443");
  ASSERT_EQ(led.places.size(), 2u);
  EXPECT_FALSE(led.places[0].open);
  EXPECT_EQ(led.places[0].kind, AddressClass::kPrivate);
  EXPECT_TRUE(led.places[1].open);
  EXPECT_EQ(Leading(policy, "https://any.test", {corp}).decision.reason, Reason::kNoRule);
  EXPECT_FALSE(Leading(policy, "https://bad.test", {open}).by_address);
  EXPECT_FALSE(Leading(policy, "https://any.test:8443", {open}).by_address);

  EXPECT_TRUE(Leading(policy, "https://plain.test", {open}).decision.allow);
  const Explanation cut = Leading(policy, "https://plain.test", {denied});
  EXPECT_EQ(cut.decision.reason, Reason::kAddressNotPublic);
  EXPECT_EQ(cut.stage, Explanation::Stage::kAddress);
  EXPECT_TRUE(Leading(policy, "tcp://corp.test:8443", {corp}).decision.allow);
  EXPECT_TRUE(Leading(policy, "https://plain.test", {}).decision.allow);
}

TEST(ExplainTest, ASecretOpensTlsAsAnInspectingRuleDoes) {
  const auto policy = Policy::Make({LayerOf("[[rule]]\nallow=\"hidden.test\"\npaths=[\"/a/**\"]")});
  auto inquiry = *Inquiry::Parse("https://hidden.test/a/b");
  const auto explain = [&] {
    return Explain(*policy, inquiry, [](const Address& a) { return Classify(a, {}); });
  };
  EXPECT_EQ(explain().decision.reason, Reason::kNeedsInspection);
  inquiry.has_secret = true;
  EXPECT_TRUE(explain().decision.allow);
  EXPECT_EQ(explain().stage, Explanation::Stage::kRequest);
  inquiry.target = "/b";
  EXPECT_EQ(explain().decision.reason, Reason::kRequestNotAllowed);
}

}  // namespace
}  // namespace cove::policy
