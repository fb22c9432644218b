// Goal: a place in a rule's limit is held while a request or an idle connection to a server needs
// it, once. Method: the count of one rule after each step.
#include <gtest/gtest.h>

#include "gateway/usage.h"

namespace cove::gateway {
namespace {

class HeldConnectionsTest : public ::testing::Test {
 protected:
  const std::shared_ptr<UsageEntry> rule_ = std::make_shared<UsageEntry>();
  const Route web_{"a.test", 443, Route::Protocol::kAny};
  const Route socket_{"a.test", 443, Route::Protocol::kHttp1};
  HeldConnections held_;
};

TEST_F(HeldConnectionsTest, APlaceStaysWithTheOpenConnectionAndIsTakenAgain) {
  EXPECT_TRUE(held_.Take(rule_, 1, web_));
  held_.Opened(web_);
  EXPECT_FALSE(held_.Take(rule_, 1, web_));
  held_.GiveBack(rule_, web_);
  EXPECT_EQ(rule_->connections, 1u);
  EXPECT_TRUE(held_.Take(rule_, 1, web_));
  held_.GiveBack(rule_, web_);
  held_.Closed(web_);
  EXPECT_EQ(rule_->connections, 0u);
}

TEST_F(HeldConnectionsTest, AConnectionOfAnotherKindHasAPlaceOfItsOwn) {
  EXPECT_TRUE(held_.Take(rule_, 1, web_));
  held_.Opened(web_);
  held_.GiveBack(rule_, web_);
  EXPECT_FALSE(held_.Take(rule_, 1, socket_));
  held_.set_drop_idle([this] { held_.Closed(web_); });
  EXPECT_TRUE(held_.Take(rule_, 1, socket_));
  EXPECT_EQ(rule_->connections, 1u);
}

TEST_F(HeldConnectionsTest, StreamsOfOneConnectionLeaveOnePlace) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(held_.Take(rule_, 3, web_));
  held_.Opened(web_);
  EXPECT_FALSE(held_.Take(rule_, 3, web_));
  for (int i = 0; i < 3; ++i) held_.GiveBack(rule_, web_);
  EXPECT_EQ(rule_->connections, 1u);
}

TEST_F(HeldConnectionsTest, ARequestThatNothingWasDialledForLeavesNothing) {
  EXPECT_TRUE(held_.Take(rule_, 1, web_));
  held_.GiveBack(rule_, web_);
  EXPECT_EQ(rule_->connections, 0u);
}

}  // namespace
}  // namespace cove::gateway
