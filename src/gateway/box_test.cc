// Goal: what the brake on rows leaves out is told, also when no further row comes.
// Method: denials of one box without a gateway, and what the audit has of them.
#include "gateway/box.h"

#include "gateway/gateway_fake.h"

namespace cove::gateway {
namespace {

using BoxTest = GatewayTest;

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
