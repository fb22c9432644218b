// Goal: what is not strict JSON is refused with its place, and look-ups never throw.
#include "json/json.h"

#include <gtest/gtest.h>

namespace cove::json {
namespace {

TEST(JsonTest, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "{} x", "nul", "'a'", "{\"a\":1,}"}) {
    EXPECT_FALSE(Parse(text)) << text;
  }
  EXPECT_FALSE(Parse(std::string(100, '[')));
  EXPECT_FALSE(ParseObject("[]"));
}

// One of two readers would believe the first, the other the last.
TEST(JsonTest, RefusesAKeyThatIsThereTwice) {
  for (const char* text : {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})",
                           R"([{"b":{"a":1,"c":2,"a":3}}])", R"({"":1,"":2})"}) {
    const auto value = Parse(text);
    ASSERT_FALSE(value) << text;
    EXPECT_NE(value.error().message().find("twice"), std::string::npos) << text;
  }
  EXPECT_TRUE(Parse(R"([{"a":{"a":1},"b":{"a":2}},{"a":["a","a"]}])"));
  const auto inner = Parse(R"({"a":1,"b":[{"\u0064eny":1,"x":{"a":1},"deny":2}],"a":3})");
  ASSERT_FALSE(inner);
  EXPECT_NE(inner.error().message().find("'deny', again up to byte 44"), std::string::npos)
      << inner.error().message();
}

// As many as there may be, whatever they are; the list around them is one more.
TEST(JsonTest, RefusesTooManyValues) {
  const auto list = [](const std::string& item, size_t times) {
    std::string out = "[";
    for (size_t i = 0; i < times; ++i) out += (i == 0 ? "" : ",") + item;
    return out + "]";
  };
  for (const char* item :
       {"0", "-1", "18446744073709551615", "0.5", "true", "null", "\"\"", "[]", "{}"}) {
    EXPECT_TRUE(Parse(list(item, kValuesMax - 1))) << item;
    const auto refused = Parse(list(item, kValuesMax));
    ASSERT_FALSE(refused) << item;
    EXPECT_EQ(refused.error().code(), Code::kTooLarge);
  }
  EXPECT_TRUE(Parse(list(R"({"a":0})", kValuesMax / 2 - 1)));
  EXPECT_FALSE(ParseObject(R"({"a":)" + list(R"({"a":0})", kValuesMax / 2) + "}"));
  EXPECT_TRUE(Parse("\"" + std::string(32 << 20, 'x') + "\"")) << "a long text is one";
}

TEST(JsonTest, ReadsEveryKindOfValue) {
  const std::string text = R"({"a":[-1,18446744073709551615,1.5,true,false,null,"x",{},[]]})";
  EXPECT_EQ(Write(*Parse(" " + text + "\n ")),
            R"({"a":[-1,18446744073709551615,1.5E0,true,false,null,"x",{},[]]})");
  const std::string big(100'000, 'k');
  const auto value = ParseObject("{\"" + big + "\":\"" + big + "\\n\"}");
  ASSERT_TRUE(value);
  EXPECT_EQ(GetString(*value, big), big + "\n");
}

TEST(JsonTest, LooksUpByTypeOrGivesNothing) {
  const auto o = ParseObject(R"({"s":"x","i":3,"d":3.0,"f":3.5,"b":true,"n":null,"o":{},"a":[]})");
  ASSERT_TRUE(o);
  EXPECT_EQ(GetString(*o, "s"), "x");
  EXPECT_EQ(GetString(*o, "i"), std::nullopt);
  EXPECT_EQ(GetInt(*o, "i"), 3);
  EXPECT_EQ(GetInt(*o, "d"), 3);
  EXPECT_EQ(GetInt(*o, "f"), std::nullopt);
  EXPECT_EQ(GetNumber(*o, "f"), 3.5);
  EXPECT_EQ(GetBool(*o, "b"), true);
  EXPECT_EQ(GetBool(*o, "n"), std::nullopt);
  EXPECT_NE(GetObject(*o, "o"), nullptr);
  EXPECT_NE(GetArray(*o, "a"), nullptr);
}

TEST(JsonTest, WritesWhatItRead) {
  const std::string text = R"({"a":[1,-7,"\u0001x",null,true]})";
  EXPECT_EQ(Write(*Parse(text)), text);
}

}  // namespace
}  // namespace cove::json
