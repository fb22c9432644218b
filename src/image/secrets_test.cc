// Goal: settings without their credentials are still sound settings. Method: files as git, npm and
// pip have them.
#include "image/secrets.h"

#include <gtest/gtest.h>

namespace cove::image {
namespace {

TEST(SecretsTest, LinesWithCredentialsGo) {
  EXPECT_EQ(DropSecretLines("registry=https://npm.test/\n//npm.test/:_authToken=abc\nsave=true\n"),
            "registry=https://npm.test/\nsave=true\n");
  EXPECT_EQ(DropSecretLines("[global]\nindex-url = https://u:p@pypi.test/\ntimeout = 3\n"),
            "[global]\ntimeout = 3\n");
  EXPECT_EQ(DropSecretLines(""), "");
}

TEST(SecretsTest, ASectionThatGoesTakesItsKeysAlong) {
  EXPECT_EQ(
      DropSecretLines("[user]\n\tname = ann\n[credential \"https://x.test\"]\n\thelper = x.sh\n"
                      "  [core]\n\tpager = less\n"),
      "[user]\n\tname = ann\n  [core]\n\tpager = less\n");
}

}  // namespace
}  // namespace cove::image
