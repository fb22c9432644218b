// Goal: ids of calls are UUIDs of version 7 that sort by their time. Method: some of them.
#include "bridge/call_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/clock.h"

namespace cove::bridge {
namespace {

TEST(CallIdTest, IsAUuidOfVersionSevenAndNoTwoAreTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(NewCallId());
  EXPECT_EQ(ids.size(), 1000U);
  for (const std::string& id : ids) {
    EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                          "[0-9a-f]{12}"));
  }
}

TEST(CallIdTest, ALaterOneSortsBehind) {
  const std::string first = NewCallId();
  const auto start = WallNow().micros / 1000;
  while (WallNow().micros / 1000 == start) std::this_thread::yield();
  EXPECT_LT(first, NewCallId());
}

}  // namespace
}  // namespace cove::bridge
