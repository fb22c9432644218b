// Goal: each sandbox is judged by its own settings, and settings that cannot be kept deny all.
// Method: real policies, asked for names and addresses.
#include "front/egress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "front/options.h"

namespace cove::front {
namespace {

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
  network.domain_allow_list = "example.com, *.example.org";
  const auto policy = With(network);
  EXPECT_TRUE(policy->Evaluate("example.com", 443).allow);
  EXPECT_TRUE(policy->Evaluate("a.example.org", 80).allow);
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
  EXPECT_EQ(egress_->PolicyFor(network).error().code(), Code::kInvalid);
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
  EXPECT_EQ(egress_->PolicyFor(network).error().code(), Code::kInvalid);
  EXPECT_EQ(With(network), nullptr);
  With({});
  egress_->Forget(SandboxId("box"));
  EXPECT_EQ(egress_->PolicyOf(SandboxId("box")), nullptr);
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
