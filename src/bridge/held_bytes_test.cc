// Goal: nobody can take all the room there is for requests, and what is let go is free again.
// Method: shares of two callers under small bounds.
#include "bridge/held_bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cove::bridge {
namespace {

using Room = HeldBytes::Room;

TEST(HeldBytes, ACallerHasAPartOfTheRoom) {
  HeldBytes held(100);
  HeldShare other;
  other.Join(held, "other");
  {
    HeldShare one;
    HeldShare two;
    one.Join(held, "caller");
    two.Join(held, "caller");
    EXPECT_EQ(one.Set(20), Room::kYes);
    EXPECT_EQ(two.Set(6), Room::kNotForCaller);
    EXPECT_EQ(two.Set(5), Room::kYes) << "a quarter, alone";
    EXPECT_EQ(other.Set(19), Room::kNotAtAll);
    EXPECT_EQ(other.Set(18), Room::kYes) << "a third of what is left";
    EXPECT_EQ(held.held(), 43U);
    EXPECT_EQ(one.Set(1), Room::kYes) << "less always fits";
    EXPECT_EQ(two.Set(15), Room::kYes);
    EXPECT_EQ(held.callers(), 2U);
  }
  EXPECT_EQ(held.held(), 18U);
  EXPECT_EQ(held.callers(), 1U) << "who holds nothing is forgotten";
}

TEST(HeldBytes, HoweverManyTakeAllThatTheyGetThereIsSomeForOneMore) {
  constexpr size_t kAll = 256 << 20;
  HeldBytes held(kAll);
  std::vector<HeldShare> hogs(50);
  for (size_t i = 0; i < hogs.size(); ++i) {
    hogs[i].Join(held, std::to_string(i));
    size_t bytes = 0;
    while (hogs[i].Set(bytes + 4096) == Room::kYes) bytes += 4096;
  }
  HeldShare late;
  late.Join(held, "late");
  EXPECT_EQ(late.Set(32), Room::kYes);
}

}  // namespace
}  // namespace cove::bridge
