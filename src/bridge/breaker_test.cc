// Goal: a provider that keeps refusing is left alone for a while, then tried by one call.
// Method: calls at chosen points of time.
#include "bridge/breaker.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

constexpr TimePoint kStart{};

void FailTimes(Breaker& breaker, int times, TimePoint now) {
  for (int i = 0; i < times; ++i) {
    ASSERT_FALSE(breaker.Enter(now));
    breaker.Failed(now);
  }
}

TEST(BreakerTest, OpensAfterFiveRefusalsInARow) {
  Breaker breaker;
  FailTimes(breaker, 4, kStart);
  EXPECT_FALSE(breaker.Enter(kStart));
  breaker.Succeeded();
  FailTimes(breaker, 5, kStart);
  EXPECT_EQ(breaker.Enter(kStart + seconds(10)), Duration(seconds(20)));
}

TEST(BreakerTest, RefusalsFarApartDoNotOpenIt) {
  Breaker breaker;
  for (int i = 0; i < 20; ++i) FailTimes(breaker, 1, kStart + i * seconds(3));
  EXPECT_FALSE(breaker.Enter(kStart + seconds(60)));
}

TEST(BreakerTest, OneCallTriesAndItsFateDecides) {
  Breaker breaker;
  FailTimes(breaker, 5, kStart);
  const TimePoint later = kStart + seconds(30);
  EXPECT_FALSE(breaker.Enter(later));
  EXPECT_TRUE(breaker.Enter(later)) << "another one while it is tried";
  breaker.Failed(later);
  EXPECT_EQ(breaker.Enter(later), Duration(seconds(30)));
  EXPECT_FALSE(breaker.Enter(later + seconds(30)));
  breaker.Succeeded();
  EXPECT_FALSE(breaker.Enter(later + seconds(30)));
  EXPECT_FALSE(breaker.Enter(later + seconds(30)));
}

TEST(BreakerTest, ACallThatWasOutBeforeItOpenedDoesNotProlongIt) {
  Breaker breaker;
  ASSERT_FALSE(breaker.Enter(kStart));
  FailTimes(breaker, 5, kStart);
  breaker.Failed(kStart + seconds(20));
  EXPECT_FALSE(breaker.Enter(kStart + seconds(30)));
}

TEST(BreakersTest, AnAgentThatLeavesDoesNotKeepTheTrial) {
  Breakers breakers({1, seconds(10), seconds(30)});
  {
    Breakers::Pass pass(breakers, "m");
    EXPECT_FALSE(pass.Enter(kStart));
    pass.Failed(kStart);
  }
  const TimePoint later = kStart + seconds(31);
  {
    EXPECT_FALSE(Breakers::Pass(breakers, "m").Enter(later));
  }
  Breakers::Pass again(breakers, "m");
  EXPECT_FALSE(again.Enter(later));
}

TEST(BreakersTest, ModelsAreApartAndInventedNamesDoNotPileUp) {
  Breakers breakers({1, seconds(10), seconds(30)});
  for (int i = 0; i < 10'000; ++i) {
    Breakers::Pass pass(breakers, "good" + std::to_string(i));
    ASSERT_FALSE(pass.Enter(kStart));
    pass.Succeeded();
  }
  EXPECT_EQ(breakers.size(), 0U);
  for (int i = 0; i < 10'000; ++i) {
    Breakers::Pass pass(breakers, "bad" + std::to_string(i));
    if (!pass.Enter(kStart)) pass.Failed(kStart);
  }
  EXPECT_LE(breakers.size(), Breakers::kNamesMax + 1);
  EXPECT_TRUE(Breakers::Pass(breakers, "bad1").Enter(kStart));
}

TEST(BreakersTest, NamesThatNobodyComesBackToMakeRoom) {
  Breakers breakers({2, seconds(10), seconds(30)});
  const auto fail = [&breakers](const std::string& name, TimePoint now) {
    Breakers::Pass pass(breakers, name);
    ASSERT_FALSE(pass.Enter(now)) << name;
    pass.Failed(now);
  };
  for (size_t i = 0; i < Breakers::kNamesMax; ++i) fail("once" + std::to_string(i), kStart);
  const TimePoint later = kStart + seconds(11);
  fail("bad", later);
  fail("bad", later);
  EXPECT_EQ(breakers.size(), 1U);
  EXPECT_TRUE(Breakers::Pass(breakers, "bad").Enter(later));
  EXPECT_FALSE(Breakers::Pass(breakers, "good").Enter(later)) << "it shares with none";

  for (size_t i = 1; i < Breakers::kNamesMax; ++i) {
    fail("twice" + std::to_string(i), later);
    fail("twice" + std::to_string(i), later);
  }
  EXPECT_EQ(breakers.size(), Breakers::kNamesMax) << "who is open is not forgotten";
  const TimePoint at_rest = later + seconds(30);
  EXPECT_FALSE(Breakers::Pass(breakers, "other").Enter(at_rest));
  EXPECT_GE(breakers.size(), Breakers::kNamesMax) << "and has its one trial for a while";
  Breakers::Pass good(breakers, "good");
  EXPECT_FALSE(good.Enter(at_rest + seconds(11)));
  EXPECT_EQ(breakers.size(), 1U);
}

}  // namespace
}  // namespace cove::bridge
