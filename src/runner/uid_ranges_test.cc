// Goal: no two data directories ever have one slot, and none waits for a server that is stopped.
// Method: registries of this test's own; the stopped server is a lock that nobody gives back.
#include "runner/uid_ranges.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <filesystem>
#include <fstream>

#include "base/testing.h"

namespace cove::runner {
namespace {

class UidRangesTest : public ::testing::Test {
 protected:
  UidRangesTest() {
    for (const char* dir : {"a", "b", "c"}) root.Dir(dir);
  }
  UidRanges Open(const std::string& dir) {
    auto opened = UidRanges::Open(root / "registry", root / dir);
    EXPECT_TRUE(opened) << opened.error().message();
    return *std::move(opened);
  }
  std::string FileOf(uint32_t slot) const {
    return root / "registry/" + std::to_string(slot / kSlotsPerBlock);
  }
  TempDir root;
};

TEST_F(UidRangesTest, DirectoriesShareNoSlotAndTheGoneGiveTheirsBack) {
  UidRanges a = Open("a");
  UidRanges b = Open("b");
  const uint32_t of_a = *a.FreeSlot({});
  const uint32_t of_b = *b.FreeSlot({});
  EXPECT_NE(of_a / kSlotsPerBlock, of_b / kSlotsPerBlock);
  EXPECT_EQ(b.Keep(of_a).error().code(), Code::kConflict);
  UidRanges again = Open("a");
  EXPECT_EQ(*again.FreeSlot({}), of_a) << "a restart keeps the block";
  SlotsInUse used;
  const SlotsInUse::Hold first(used, of_a);
  EXPECT_EQ(*again.FreeSlot(used), of_a + 1);
  std::filesystem::remove(root / "a");
  UidRanges c = Open("c");
  EXPECT_EQ(*c.FreeSlot({}), of_a) << "its owner is gone";
  // A claim cut short names nobody.
  std::ofstream(FileOf(of_b)) << "1 2";
  EXPECT_TRUE(c.Keep(of_b));
}

TEST_F(UidRangesTest, WhatWasGivenBackIsFree) {
  UidRanges a = Open("a");
  const uint32_t of_a = *a.FreeSlot({});
  a.Release();
  EXPECT_EQ(*Open("b").FreeSlot({}), of_a);
}

TEST_F(UidRangesTest, AServerStoppedInTheMiddleOfAClaimHoldsNobodyUp) {
  UidRanges a = Open("a");
  const uint32_t of_a = *a.FreeSlot({});
  a.Release();
  const UniqueFd stopped(open(FileOf(of_a).c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(stopped.get(), LOCK_EX), 0);
  UidRanges b = Open("b");
  const uint32_t of_b = *b.FreeSlot({});
  EXPECT_NE(of_a / kSlotsPerBlock, of_b / kSlotsPerBlock);
  EXPECT_EQ(b.Keep(of_a).error().code(), Code::kConflict);
  // The stopped one goes on, and finishes what it had begun.
  ASSERT_EQ(flock(stopped.get(), LOCK_UN), 0);
  EXPECT_EQ(*Open("a").FreeSlot({}), of_a);
}

TEST_F(UidRangesTest, SlotsThatOthersHaveAreNotCounted) {
  UidRanges a = Open("a");
  const uint32_t all = *a.Slots();
  UidRanges b = Open("b");
  ASSERT_TRUE(b.FreeSlot({}));
  EXPECT_EQ(*a.Slots(), all - kSlotsPerBlock);
  ASSERT_TRUE(a.FreeSlot({}));
  EXPECT_EQ(*a.Slots(), all - kSlotsPerBlock) << "its own are counted";
  EXPECT_EQ(*b.Slots(), all - kSlotsPerBlock);
}

TEST(SlotsInUse, ASlotIsInUseUntilItsLastHoldIsGone) {
  SlotsInUse used;
  SlotsInUse::Hold first(used, 7);
  {
    const SlotsInUse::Hold second(used, 7);
    first = {};
    EXPECT_TRUE(used.Has(7)) << "two boxes said that they have it";
  }
  EXPECT_FALSE(used.Has(7));
  EXPECT_FALSE(used.Has(70'000));
}

}  // namespace
}  // namespace cove::runner
