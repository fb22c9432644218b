// Goal: what the brake on rows leaves out is told, also when no further row comes; a name is
// judged once for all the addresses that it leads to.
// Method: one box without a gateway.
#include "gateway/box.h"

#include "gateway/by_network.h"
#include "gateway/gateway_fake.h"

namespace cove::gateway {
namespace {

using BoxTest = GatewayTest;

TEST_F(BoxTest, ANameLeadsToAddressesOfTheSameLimitsOnly) {
  SetDocument(
      "allow=\"198.51.100.0/24:2222\"\n"
      "[[rule]]\nallow=\"203.0.113.0/24:2222\"\nbytes=\"1MB\"");
  Load load;
  Box box(deps_, load, id_, "tester", 1);
  answers_ = {"203.0.113.1", "198.51.100.7", "203.0.113.2"};
  const ByNetwork limited = loop_.RunUntil(JudgeByNetwork(box, policy_, "db.test", 2222));
  ASSERT_EQ(limited.decision.limits.size(), 1U);
  ASSERT_EQ(limited.addresses.size(), 2U);
  EXPECT_EQ(limited.addresses[1].Ip(), "203.0.113.2");
  answers_ = {"198.51.100.7", "203.0.113.1"};
  const ByNetwork open = loop_.RunUntil(JudgeByNetwork(box, policy_, "db.test", 2222));
  EXPECT_TRUE(open.decision.allow && open.decision.limits.empty());
  ASSERT_EQ(open.addresses.size(), 1U);
  EXPECT_EQ(open.addresses[0].Ip(), "198.51.100.7");
}

TEST_F(BoxTest, DenialsThatHaveNoRowAreCountedAtItsEnd) {
  constexpr uint64_t kDenials = 500;
  Load load;
  std::optional<Box> box(std::in_place, deps_, load, id_, "tester", 1);
  for (uint64_t i = 0; i < kDenials; ++i) {
    audit::Record record = box->NewRecord("tls");
    record.host = std::to_string(i) + ".test";
    box->Denied(std::move(record), policy::Reason::kNoRule);
  }
  box.reset();
  loop_.RunUntil(audit_->Flush());
  audit::Filter filter;
  filter.sandbox = id_;
  const auto rows = audit::ReadPage(audit_->directory(), filter, 0, 1000)->records;
  ASSERT_FALSE(rows.empty());
  EXPECT_LT(rows.size(), kDenials);
  uint64_t told = 0;
  for (const auto& row : rows) told += row.repeats;
  EXPECT_EQ(rows.back().reason, policy::ReasonName(policy::Reason::kLimit));
  EXPECT_EQ(told + rows.size() - 1, kDenials) << "the last row is of no denial of its own";
}

}  // namespace
}  // namespace cove::gateway
