// Goal: the same text comes out however it was cut, and nothing waits without need.
// Method: all ways to cut short texts in two, and byte by byte.
#include "gateway/text_replacer.h"

#include <gtest/gtest.h>

namespace cove::gateway {
namespace {

const std::vector<Replacement> kTwo = {{"abab", "<1>"}, {"abac", "<two>"}};

std::string Cut(std::string_view text, size_t step) {
  TextReplacer replacer(kTwo);
  std::string out;
  for (size_t i = 0; i < text.size(); i += step) replacer.Feed(text.substr(i, step), &out);
  replacer.Finish(&out);
  return out;
}

TEST(TextReplacerTest, HoweverItIsCutTheSameComesOut) {
  for (const std::string text : {"", "abab", "xababacx", "abacabab", "aba", "ababababab", "aabaab",
                                 "abaabacab", "no match at all"}) {
    const std::string whole = TextReplacer::All(text, kTwo);
    for (size_t step = 1; step <= text.size(); ++step) EXPECT_EQ(Cut(text, step), whole) << text;
  }
  EXPECT_EQ(TextReplacer::All("xababacx", kTwo), "x<1>acx");
  EXPECT_EQ(TextReplacer::All("aababac", kTwo), "a<1>ac");
}

TEST(TextReplacerTest, TheLongerOfTwoThatBeginTogetherIsMeant) {
  const std::vector<Replacement> both = {{"abc", "1"}, {"abcd", "2"}};
  EXPECT_EQ(TextReplacer::All("abcd abc", both), "2 1");
  TextReplacer replacer(both);
  std::string out;
  for (const char c : std::string_view("abcdabc")) replacer.Feed({&c, 1}, &out);
  replacer.Finish(&out);
  EXPECT_EQ(out, "21");
}

TEST(TextReplacerTest, WhatAReplacementBringsIsNotSearched) {
  EXPECT_EQ(TextReplacer::All("aa", {{"a", "aa"}}), "aaaa");
}

TEST(TextReplacerTest, WhatWouldBeTooMuchLongerIsNotMade) {
  TextReplacer replacer({{"a", "bbbb"}}, 7);
  std::string out;
  replacer.Feed("a a ", &out);
  EXPECT_FALSE(replacer.overflowed());
  replacer.Feed(std::string(1000, 'a'), &out);
  EXPECT_TRUE(replacer.overflowed());
  EXPECT_LT(out.size(), 20u);
}

TEST(TextReplacerTest, OnlyAnEndThatMayGoOnIsHeldBack) {
  TextReplacer replacer(kTwo);
  std::string out;
  replacer.Feed("data: hello\n\n", &out);
  EXPECT_EQ(out, "data: hello\n\n");
  replacer.Feed("xaba", &out);
  EXPECT_EQ(out, "data: hello\n\nx");
  replacer.Feed("d", &out);
  EXPECT_EQ(out, "data: hello\n\nxabad");
  EXPECT_FALSE(replacer.replaced());
}

}  // namespace
}  // namespace cove::gateway
