// Goal: each sandbox is judged by its own settings, and settings that cannot be kept deny all.
// Method: real policies, asked for names and addresses.
#include "front/egress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "front/model_guards.h"
#include "front/options.h"

namespace cove::front {
namespace {

using Scope = control::PolicyKey::Scope;

class EgressTest : public ::testing::Test {
 protected:
  EgressTest() {
    Config config;
    config.registries = policy::RegistryMode::kNone;
    config.standard.rules = {*policy::ParseRule("pypi.org:443", policy::Layer::kServer)};
    egress_ = *Egress::Make(config);
  }
  Egress::PolicyPtr With(const control::Network& network) {
    control::Sandbox sandbox;
    sandbox.id = SandboxId("box");
    sandbox.network = network;
    egress_->Set(sandbox);
    return egress_->PolicyOf(sandbox.id);
  }
  std::unique_ptr<Egress> egress_;
};

TEST_F(EgressTest, ASandboxWithoutListsHasTheServersPolicy) {
  const auto policy = With({});
  EXPECT_TRUE(policy->Evaluate("pypi.org", 443).allow);
  EXPECT_FALSE(policy->Evaluate("example.com", 443).allow);
}

TEST_F(EgressTest, AListOfNamesReplacesTheServersPolicy) {
  control::Network network;
  network.domain_allow_list = "example.com, *.example.org,B.test.";
  const auto policy = With(network);
  EXPECT_TRUE(policy->Evaluate("example.com", 443).allow);
  EXPECT_TRUE(policy->Evaluate("a.example.org", 80).allow);
  EXPECT_TRUE(policy->Evaluate("b.test", 443).allow);
  EXPECT_FALSE(policy->Evaluate("example.com", 22).allow);
  EXPECT_FALSE(policy->Evaluate("pypi.org", 443).allow);
}

TEST_F(EgressTest, AnAddressRangeIsAllowedOnEveryPort) {
  control::Network network;
  network.allow_list = "203.0.113.0/24,2001:db8::/32";
  const auto policy = With(network);
  const auto address = policy::Address::Parse("203.0.113.9");
  ASSERT_TRUE(address);
  for (const uint16_t port : {uint16_t{1}, uint16_t{5432}, uint16_t{65535}}) {
    EXPECT_TRUE(policy->EvaluateAddress(*address, port, policy::AddressClass::kPublic).allow);
  }
  EXPECT_FALSE(policy->Evaluate("pypi.org", 443).allow);
}

TEST_F(EgressTest, ADocumentOfItsOwnReplacesTheServersPolicy) {
  control::Network network;
  network.policy = R"({"allow": "example.org:443", "deny": "pypi.org"})";
  const auto policy = With(network);
  EXPECT_TRUE(policy->Evaluate("example.org", 443).allow);
  EXPECT_EQ(policy->Evaluate("example.org", 443).layer, policy::Layer::kSandbox);
  EXPECT_FALSE(policy->Evaluate("pypi.org", 443).allow);
  network.block_all = true;
  EXPECT_FALSE(With(network)->Evaluate("example.org", 443).allow);
  network = {};
  network.policy = R"({"allow": "*.com"})";
  EXPECT_EQ(egress_->Check(network).error().code(), Code::kInvalid);
}

TEST_F(EgressTest, BlockAllWinsOverEveryList) {
  control::Network network;
  network.domain_allow_list = "example.com";
  network.block_all = true;
  EXPECT_FALSE(With(network)->Evaluate("example.com", 443).allow);
}

TEST_F(EgressTest, SettingsThatCannotBeKeptGiveNoPolicyAtAll) {
  control::Network network;
  network.domain_allow_list = "*.com";
  EXPECT_EQ(egress_->Check(network).error().code(), Code::kInvalid);
  EXPECT_EQ(With(network), nullptr);
  With({});
  egress_->Forget(SandboxId("box"));
  EXPECT_EQ(egress_->PolicyOf(SandboxId("box")), nullptr);
}

class LayeredEgressTest : public EgressTest {
 protected:
  LayeredEgressTest() {
    store_ = *store::OpenSqlite(":memory:", control::kPolicyMigrations);
    policies_ = *loop_.RunUntil(control::Policies::Open(*store_));
    egress_->UsePolicies(*policies_, [this](const SandboxId& id) { told_.push_back(id.value); });
  }
  static control::Sandbox Box(std::string id, std::string org, std::string snapshot) {
    control::Sandbox sandbox;
    sandbox.id = SandboxId(std::move(id));
    sandbox.org = OrgId(std::move(org));
    sandbox.snapshot = std::move(snapshot);
    return sandbox;
  }
  Result<void> Put(Scope scope, std::string org, std::string name, std::string text) {
    return loop_.RunUntil(egress_->Put({scope, OrgId(std::move(org)), std::move(name)},
                                       {std::move(text), "admin", WallNow()}));
  }
  bool Allows(const std::string& box, std::string_view host) {
    return egress_->PolicyOf(SandboxId(box))->Evaluate(host, 443).allow;
  }

  async::Loop loop_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<control::Policies> policies_;
  std::vector<std::string> told_;
};

TEST_F(LayeredEgressTest, WhatAProviderFetchesIsJudgedAsBytesThatNobodyReads) {
  egress_->Set(Box("a", "one", "host"));
  ASSERT_TRUE(
      Put(Scope::kOrganization, "one", "",
          R"({"allow": "open.test", "deny": "open.test:8080", "rule": [)"
          R"({"allow": "read.test", "methods": "GET", "paths": "/org/**", "inspect": true},)"
          R"({"allow": "seen.test", "inspect": true}]})"));
  const auto may = [this](const char* url) {
    return egress_->MayFetch(SandboxId("a"), *http::Url::Parse(url));
  };
  EXPECT_TRUE(may("https://OPEN.test/x"));
  EXPECT_FALSE(may("http://open.test:8080/x"));
  EXPECT_FALSE(may("https://other.test/"));
  EXPECT_FALSE(may("https://read.test/org/x")) << "it would be POSTed to";
  EXPECT_FALSE(may("https://seen.test/"));
  EXPECT_FALSE(egress_->MayFetch(SandboxId("b"), *http::Url::Parse("https://open.test/")));
}

TEST_F(LayeredEgressTest, WhatIsSaidAboutModelsHoldsForSandboxesThatRunAtOnce) {
  egress_->Set(Box("a", "one", "host"));
  const auto code = [&](const char* request) -> std::string {
    const bridge::Guards all = *egress_->GuardsOf(SandboxId("a"));
    if (all == nullptr) return "";
    const json::Object parsed = *json::ParseObject(request);
    const bridge::Reach reach = bridge::ReachOf(parsed);
    for (const bridge::Guard& guard : *all) {
      if (const auto refusal = guard.Judge(parsed, reach)) {
        return refusal->code + ": " + refusal->message;
      }
    }
    return "";
  };
  const char* const opus =
      R"({"model":"claude-opus-4-8","tools":[{"type":"web_search_20250305"}]})";
  EXPECT_EQ(code(opus), "");
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "host", "[models]\nallow=\"gpt-*\""));
  EXPECT_THAT(code(opus), ::testing::AllOf(::testing::HasSubstr("cove_model_not_allowed"),
                                           ::testing::HasSubstr("the policy of the template"),
                                           ::testing::HasSubstr("[models] allow")));
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "host", "[models]\nallow=\"claude-*\""));
  EXPECT_EQ(code(opus), "");
  ASSERT_TRUE(Put(Scope::kOrganization, "one", "", "[ceiling.models]\nhosted_tools=[\"mcp\"]"));
  EXPECT_THAT(code(opus), ::testing::HasSubstr("[ceiling.models] hosted_tools"));
  EXPECT_EQ(code(R"({"model":"claude-opus-4-8"})"), "");
  EXPECT_TRUE(Allows("a", "pypi.org")) << "the network is as it was";
}

TEST_F(LayeredEgressTest, GuardsOfModelsAreMadeOnceForAPolicyAndAnewForTheNext) {
  egress_->Set(Box("a", "one", "host"));
  const auto of_org = [&] { return *egress_->GuardsOfOrg(OrgId("one")); };
  const auto of_box = [&] { return *egress_->GuardsOf(SandboxId("a")); };
  EXPECT_EQ(of_org(), nullptr) << "nothing is said";
  ASSERT_TRUE(Put(Scope::kOrganization, "one", "", "[models]\nallow=\"gpt-*\""));
  const bridge::Guards org = of_org();
  const bridge::Guards box = of_box();
  ASSERT_NE(org, nullptr);
  EXPECT_EQ(of_org(), org) << "not put together anew for each call";
  EXPECT_EQ(of_box(), box);
  const auto opus = *json::ParseObject(R"({"model":"claude-opus-4-8"})");
  const bridge::Reach reach = bridge::ReachOf(opus);
  EXPECT_TRUE(org->front().Judge(opus, reach));
  ASSERT_TRUE(Put(Scope::kOrganization, "one", "", "[models]\nallow=\"claude-*\""));
  EXPECT_FALSE(of_org()->front().Judge(opus, reach)) << "the next call is judged by what holds now";
  EXPECT_FALSE(of_box()->front().Judge(opus, reach));
  EXPECT_FALSE(egress_->GuardsOf(SandboxId("nobody")));
}

TEST_F(LayeredEgressTest, EveryTemplateThatLedToItHoldsAlsoWhenItIsSetLater) {
  control::Sandbox box = Box("a", "one", "third");
  box.ancestors = {"first", "second"};
  egress_->Set(box);
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "third", "default=\"allow\""));
  EXPECT_TRUE(Allows("a", "b.test"));
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "first", "[ceiling]\nallow=[\"a.test\", \"b.test\"]"));
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "second", "[ceiling]\nallow=[\"a.test\", \"c.test\"]"));
  EXPECT_TRUE(Allows("a", "a.test"));
  EXPECT_FALSE(Allows("a", "b.test"));
  EXPECT_FALSE(Allows("a", "c.test"));
  // The nearest default is the one that holds.
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "second", "deny=\"a.test\""));
  EXPECT_TRUE(Allows("a", "a.test"));
}

TEST_F(LayeredEgressTest, EachLayerHoldsForItsOwnAndChangesAtOnce) {
  egress_->Set(Box("a", "one", "host"));
  egress_->Set(Box("b", "one", "mine"));
  egress_->Set(Box("c", "two", "mine"));
  ASSERT_TRUE(Put(Scope::kOrganization, "one", "", "allow=\"org.test\""));
  EXPECT_EQ(told_.size(), 3u);
  EXPECT_TRUE(Allows("a", "org.test"));
  EXPECT_FALSE(Allows("a", "pypi.org"));
  EXPECT_TRUE(Allows("c", "pypi.org"));
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "mine", R"({"allow": ["tpl.test", "bad.test"]})"));
  EXPECT_TRUE(Allows("a", "org.test"));
  EXPECT_TRUE(Allows("b", "tpl.test"));
  EXPECT_FALSE(Allows("c", "tpl.test"));
  ASSERT_TRUE(Put(Scope::kServer, "", "", "[ceiling]\ndefault=\"allow\"\ndeny=\"bad.test\""));
  EXPECT_TRUE(Allows("b", "tpl.test"));
  EXPECT_FALSE(Allows("b", "bad.test"));
  EXPECT_TRUE(Allows("c", "pypi.org"));
  ASSERT_TRUE(loop_.RunUntil(egress_->Remove({Scope::kTemplate, OrgId("one"), "mine"})));
  EXPECT_TRUE(Allows("b", "org.test"));
}

TEST_F(LayeredEgressTest, ABadDocumentIsRefusedAndTheOldOneHolds) {
  egress_->Set(Box("a", "one", "host"));
  ASSERT_TRUE(Put(Scope::kOrganization, "one", "", "allow=\"org.test\""));
  const auto refused = Put(Scope::kOrganization, "one", "", "alow=\"org.test\"");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("policy:1:"));
  EXPECT_TRUE(Allows("a", "org.test"));
}

TEST_F(LayeredEgressTest, ARowThatCannotBeReadDeniesAllBelowIt) {
  ASSERT_TRUE(loop_.RunUntil(policies_->Put({Scope::kOrganization, OrgId("one"), ""},
                                            {"made by a newer Cove", "admin", WallNow()})));
  egress_->UsePolicies(*policies_, {});
  egress_->Set(Box("a", "one", "host"));
  egress_->Set(Box("c", "two", "host"));
  EXPECT_EQ(egress_->PolicyOf(SandboxId("a")), nullptr);
  EXPECT_TRUE(Allows("c", "pypi.org"));
}

TEST_F(LayeredEgressTest, WhatWasSetIsThereAfterARestart) {
  ASSERT_TRUE(Put(Scope::kTemplate, "one", "mine", "allow=\"tpl.test\""));
  const auto again = *loop_.RunUntil(control::Policies::Open(*store_));
  EXPECT_EQ(again->Find({Scope::kTemplate, OrgId("one"), "mine"})->text, "allow=\"tpl.test\"");
  EXPECT_EQ(again->Find({Scope::kTemplate, OrgId("two"), "mine"}), std::nullopt);
}

TEST(OptionsTest, ReadsWhatTheRunnerWritesAndRefusesTheRest) {
  auto options = ParseOptions({"--data", "/d", "--config-fd", "4", "--config-name", "c.toml"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->data, "/d");
  EXPECT_EQ(options->config_fd, 4);
  EXPECT_EQ(options->config_name, "c.toml");
  EXPECT_TRUE(ParseOptions({"--print-config-reference"})->print_reference);
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{}, {"--data"}, {"--date", "/d"}, {"--config-fd", "x"}}) {
    auto refused = ParseOptions(args);
    EXPECT_FALSE(refused.ok());
  }
}

}  // namespace
}  // namespace cove::front
