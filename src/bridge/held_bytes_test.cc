// Goal: nobody can take all the room there is for requests, and what is let go is free again.
// Method: shares of two callers under small bounds.
#include "bridge/held_bytes.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

using Room = HeldBytes::Room;

TEST(HeldBytes, ACallerHasAPartOfTheRoom) {
  HeldBytes held(100, 60);
  HeldShare other;
  other.Join(held, "other");
  {
    HeldShare one;
    HeldShare two;
    one.Join(held, "caller");
    two.Join(held, "caller");
    EXPECT_EQ(one.Set(40), Room::kYes);
    EXPECT_EQ(two.Set(21), Room::kNotForCaller);
    EXPECT_EQ(two.Set(20), Room::kYes);
    EXPECT_EQ(other.Set(41), Room::kNotAtAll);
    EXPECT_EQ(other.Set(40), Room::kYes);
    EXPECT_EQ(held.held(), 100U);
    EXPECT_EQ(one.Set(10), Room::kYes) << "less always fits";
    EXPECT_EQ(two.Set(50), Room::kYes);
    EXPECT_EQ(held.callers(), 2U);
  }
  EXPECT_EQ(held.held(), 40U);
  EXPECT_EQ(held.callers(), 1U) << "who holds nothing is forgotten";
}

}  // namespace
}  // namespace cove::bridge
