// Goal: options are read as people write them. Method: argument lists.
#include "cli/options.h"

#include <gtest/gtest.h>

namespace cove::cli {
namespace {

const std::vector<OptionSpec> kSpecs = {{"--env", "-e"},
                                        {"--json", "", OptionSpec::Takes::kNothing}};

TEST(OptionsTest, TakesBothFormsAndRepeats) {
  auto got = Options::Parse({"box", "--env=A=1", "-e", "B=2", "--json"}, kSpecs);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->All("--env"), (std::vector<std::string>{"A=1", "B=2"}));
  EXPECT_TRUE(got->Has("--json"));
  EXPECT_EQ(got->positional(), std::vector<std::string>{"box"});
}

TEST(OptionsTest, TheRestOfExecBelongsToTheCommand) {
  auto got = Options::Parse({"-e", "A=1", "box", "ls", "-la", "--json"}, kSpecs,
                            Options::Mixed::kUntilSecond);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->positional(), (std::vector<std::string>{"box", "ls", "-la", "--json"}));
  got = Options::Parse({"box", "--", "-x"}, kSpecs, Options::Mixed::kUntilSecond);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->positional(), (std::vector<std::string>{"box", "-x"}));
}

TEST(OptionsTest, MistakesNameTheOption) {
  for (const auto& args :
       std::vector<std::vector<std::string>>{{"--what"}, {"--env"}, {"--json=1"}, {"-x"}}) {
    auto got = Options::Parse(args, kSpecs);
    ASSERT_FALSE(got.ok());
    EXPECT_NE(got.error().message().find(args[0].substr(0, args[0].find('='))), std::string::npos);
  }
}

}  // namespace
}  // namespace cove::cli
