// Goal: ids of calls are UUIDs of version 7 that sort by their time. Method: some of them.
#include "bridge/call_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace cove::bridge {
namespace {

constexpr WallTime kTime{1'795'274'158'757'999};

TEST(CallIdTest, IsAUuidOfVersionSevenAndNoTwoAreTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(NewCallId(CallNumber(kTime)));
  EXPECT_EQ(ids.size(), 1000U);
  for (const std::string& id : ids) {
    EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                          "[0-9a-f]{12}"));
    EXPECT_EQ(CallNumber(id), CallNumber(kTime));
  }
}

TEST(CallIdTest, NumbersAndIdsTellMicrosecondsApart) {
  int64_t last = CallNumber(kTime);
  for (int i = 1; i < 3000; ++i) {
    const int64_t number = CallNumber(WallTime{kTime.micros + i});
    EXPECT_LT(last, number);
    EXPECT_LT(NewCallId(last), NewCallId(number));
    last = number;
  }
  EXPECT_EQ(CallNumber(WallTime{-1}), 0);
}

TEST(CallIdTest, WhatIsNoIdHasNoNumber) {
  for (const char* text :
       {"", "x", "0f8a3c1e-11d2-4a5b-9c3d-0123456789ab", "0f8a3c1g-11d2-7a5b-9c3d-0123456789ab"}) {
    EXPECT_EQ(CallNumber(text), -1) << text;
  }
}

}  // namespace
}  // namespace cove::bridge
