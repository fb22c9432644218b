// Goal: no text makes the TOML reader run out of stack, and dots where they are no parts of a key
// are none. Method: texts of one kind each.
#include "json/toml.h"

#include <gtest/gtest.h>

#include <string>

namespace cove::json {
namespace {

std::string Repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(TomlTest, RefusesAKeyOfVeryManyPartsWhereverItStands) {
  const std::string deep = Repeat("a.", 200'000) + "a";
  const std::string quoted = Repeat("\"a\" . ", 200'000) + "a";
  for (const std::string& key : {deep, quoted}) {
    for (const std::string& text :
         {"[" + key + "]", "[[" + key + "]]", key + " = 1", "x = {" + key + " = 1}",
          "s = \"\"\"\"\"a\"\"\"\"\"\n" + key + " = 1", "s = 'a' # '\n[" + key + "]",
          "s = \"\\\"\"\n[" + key + "]"}) {
      const auto parsed = ParseToml(text);
      ASSERT_FALSE(parsed) << text.substr(0, 20);
      EXPECT_NE(parsed.error().description().find("32 parts"), std::string_view::npos);
    }
  }
  EXPECT_EQ(ParseToml("a = 1\n\n[" + deep + "]").error().source().begin.line, 3U);
}

TEST(TomlTest, ReadsTheDeepestThatItAllows) {
  EXPECT_TRUE(ParseToml("[" + Repeat("a.", 31) + "a]\nb = 1\n"));
  std::string nested = "1";
  for (int i = 0; i < 200; ++i) nested = "{" + Repeat("a.", 31) + "a = " + nested + "}";
  EXPECT_TRUE(ParseToml("x = " + nested));
}

TEST(TomlTest, DotsInTextsNumbersAndCommentsAreNoPartsOfAKey) {
  const std::string dots(1000, '.');
  for (const std::string& text :
       {"s = \"" + dots + "\"", "s = '" + dots + "'", "s = \"\"\"\n" + dots + "\n\"\"\"",
        "s = '''" + dots + "\n'" + dots + "'''", "# " + dots, "s = 1 # " + dots,
        "s = [" + Repeat("1.5, ", 100) + "]", "\"" + dots + "\" = 1"}) {
    EXPECT_TRUE(ParseToml(text)) << text;
  }
  for (const std::string& text :
       {"s = \"" + dots, "s = '''" + dots, dots, std::string("s = \"\\")}) {
    EXPECT_FALSE(ParseToml(text)) << text;
  }
}

}  // namespace
}  // namespace cove::json
