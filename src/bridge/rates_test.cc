// Goal: a caller that calls too often or too much at once is told when to come again, others are
// not held up by it, and idle callers cost nothing. Method: a clock of the test's own.
#include "bridge/rates.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

const TimePoint kStart = Now();

TEST(Rates, ABurstOfAMinuteThenOneByOne) {
  Rates rates({.per_minute = 6});
  for (int i = 0; i < 6; ++i) {
    ASSERT_FALSE(rates.Enter("a", kStart)) << i;
    rates.Leave("a");
  }
  const auto refused = rates.Enter("a", kStart);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->why, TooMany::Why::kRate);
  EXPECT_EQ(refused->retry_after, seconds(10));
  EXPECT_FALSE(rates.Enter("b", kStart)) << "another caller is not held up";
  EXPECT_TRUE(rates.Enter("a", kStart + seconds(9)));
  EXPECT_FALSE(rates.Enter("a", kStart + seconds(10)));
  EXPECT_TRUE(rates.Enter("a", kStart + seconds(10)));
}

TEST(Rates, AtOnceIsCountedForEachCallerAndForAll) {
  Rates rates({.at_once = 2, .at_once_total = 3});
  EXPECT_FALSE(rates.Enter("a", kStart));
  EXPECT_FALSE(rates.Enter("a", kStart));
  EXPECT_EQ(rates.Enter("a", kStart)->why, TooMany::Why::kAtOnce);
  EXPECT_FALSE(rates.Enter("b", kStart));
  EXPECT_EQ(rates.Enter("c", kStart)->why, TooMany::Why::kTotal);
  rates.Leave("a");
  EXPECT_FALSE(rates.Enter("c", kStart));
  EXPECT_EQ(rates.in_flight(), 3);
}

TEST(Rates, WithoutLimitsAllMayCall) {
  Rates rates({});
  for (int i = 0; i < 10'000; ++i) ASSERT_FALSE(rates.Enter("a", kStart));
  EXPECT_EQ(rates.in_flight(), 10'000);
}

TEST(Rates, CallersThatRestAreForgotten) {
  Rates rates({.per_minute = 60});
  for (int i = 0; i < 100'000; ++i) {
    const std::string caller = "sandbox" + std::to_string(i);
    ASSERT_FALSE(rates.Enter(caller, kStart + seconds(i / 100)));
    rates.Leave(caller);
  }
  EXPECT_LE(rates.callers(), 2048U);
}

}  // namespace
}  // namespace cove::bridge
