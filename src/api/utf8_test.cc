// Goal: whatever a command prints becomes valid UTF-8 and valid text is untouched.
// Method: pure calls with well-formed, cut, overlong and surrogate sequences.
#include "api/utf8.h"

#include <gtest/gtest.h>

namespace cove::api {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

TEST(LossyUtf8, KeepsWellFormedText) {
  const std::string text = "a\n\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xB3";
  EXPECT_EQ(LossyUtf8(text), text);
}

TEST(LossyUtf8, ReplacesWhatIsNot) {
  const std::string r = kReplacement;
  EXPECT_EQ(LossyUtf8("a\xFF"
                      "b"),
            "a" + r + "b");
  EXPECT_EQ(LossyUtf8("\xC3"), r);
  EXPECT_EQ(LossyUtf8("\xC0\xAF"), r + r);
  EXPECT_EQ(LossyUtf8("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(LossyUtf8("\xF4\x90\x80\x80"), r + r + r + r);
}

}  // namespace
}  // namespace cove::api
