// Goal: a sandbox's environment has placeholders of the secrets it was given, through every start,
// and never of one that does not exist. Method: real control, a fake world, three secrets.
#include <gmock/gmock.h>

#include "control/control_fixture_test.h"

namespace cove::control {
namespace {

using ::testing::HasSubstr;

class SandboxSecretsTest : public ControlTest {
 protected:
  SandboxSecretsTest() {
    placeholder_ = [this](const OrgId&, const std::string& name) -> std::optional<std::string> {
      if (!known_.contains(name)) return std::nullopt;
      return "placeholder-" + name;
    };
    control_.reset();
    Open();
  }
  Result<Sandbox> CreateWith(SecretMap secrets, EnvMap env = {}) {
    CreateRequest request = Request();
    request.secrets = std::move(secrets);
    request.env = std::move(env);
    return Create(std::move(request));
  }
  EnvMap EnvOf(const SandboxId& id) { return world_.env[*control_->ToolboxFor(id)]; }

  std::set<std::string> known_ = {"api", "git"};
};

TEST_F(SandboxSecretsTest, PlaceholdersAreInItsEnvironmentThroughEveryStart) {
  const auto box = CreateWith({{"KEY", "api"}}, {{"A", "1"}});
  ASSERT_TRUE(box) << box.error().message();
  EXPECT_EQ(EnvOf(box->id)["KEY"], "placeholder-api");
  EXPECT_EQ(EnvOf(box->id)["A"], "1");
  Restart();
  EXPECT_EQ(control_->Find(box->id)->secrets, (SecretMap{{"KEY", "api"}}));
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(box->id)));
  world_.env.clear();
  ASSERT_TRUE(loop_.RunUntil(control_->Start(box->id)));
  EXPECT_EQ(EnvOf(box->id)["KEY"], "placeholder-api");
}

TEST_F(SandboxSecretsTest, ANewSetReplacesTheOldOne) {
  const auto box = CreateWith({{"KEY", "api"}});
  ASSERT_TRUE(loop_.RunUntil(control_->SetSecrets(box->id, {{"TOKEN", "git"}})));
  EXPECT_FALSE(EnvOf(box->id).contains("KEY"));
  EXPECT_EQ(EnvOf(box->id)["TOKEN"], "placeholder-git");
  Restart();
  EXPECT_EQ(control_->Find(box->id)->secrets, (SecretMap{{"TOKEN", "git"}}));
}

TEST_F(SandboxSecretsTest, OneThatIsGoneLeavesItsVariableOut) {
  const auto box = CreateWith({{"KEY", "api"}, {"TOKEN", "git"}});
  known_.erase("api");
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(box->id)));
  ASSERT_TRUE(loop_.RunUntil(control_->Start(box->id)));
  EXPECT_FALSE(EnvOf(box->id).contains("KEY"));
  EXPECT_EQ(EnvOf(box->id)["TOKEN"], "placeholder-git");
}

TEST_F(SandboxSecretsTest, WhatCannotBeIsRefused) {
  EXPECT_THAT(CreateWith({{"KEY", "nothing"}}).error().message(), HasSubstr("'nothing'"));
  EXPECT_THAT(CreateWith({{"1KEY", "api"}}).error().message(), HasSubstr("'1KEY'"));
  EXPECT_THAT(CreateWith({{"KEY", "api"}}, {{"KEY", "x"}}).error().message(), HasSubstr("once"));
  const auto box = CreateWith({});
  ASSERT_TRUE(loop_.RunUntil(control_->Pause(box->id)));
  const auto paused = loop_.RunUntil(control_->SetSecrets(box->id, {{"KEY", "api"}}));
  EXPECT_THAT(paused.error().message(), HasSubstr("paused"));
}

}  // namespace
}  // namespace cove::control
