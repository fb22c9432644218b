// Goal: what Codex is told of its sandbox is true there. Method: the texts.
#include "agents/codex_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cove::agents {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(CodexConfigTest, ABoxPromisesNoLinksAndNoRegistries) {
  EXPECT_THAT(CodexConfig(), HasSubstr("shown a link"));
  EXPECT_THAT(CodexConfig(), HasSubstr("registries among them"));
  const std::string box = CodexConfigForBox({});
  EXPECT_THAT(box, Not(HasSubstr("link")));
  EXPECT_THAT(box, Not(HasSubstr("registries")));
  EXPECT_THAT(box, Not(HasSubstr("daytona")));
  EXPECT_THAT(box, HasSubstr("the user sees no port of it"));
  EXPECT_THAT(box, HasSubstr("models.cove"));
}

TEST(CodexConfigTest, ABoxWithAnOwnLoginAsksOpenAiItself) {
  BoxCodexConfig own;
  own.models = BoxCodexConfig::Models::kOwnLogin;
  own.web_search = BoxCodexConfig::WebSearch::kLive;
  EXPECT_THAT(CodexConfigForBox(own), Not(HasSubstr("models.cove")));
  EXPECT_THAT(CodexConfigForBox(own), HasSubstr("web_search = \"live\""));
}

}  // namespace
}  // namespace cove::agents
