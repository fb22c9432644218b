// Goal: a request that the machine cannot hold is refused with what is missing and what to do.
// Method: each number of an ample room is made too small, alone.
#include "proto/room.h"

#include <gmock/gmock.h>

namespace cove::proto {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Room Ample() {
  Room room;
  room.files_max = 1000;
  room.boxes_by_files = 70;
  room.boxes_by_uids = 250;
  room.threads = 500;
  room.threads_max = 30'000;
  room.host_available_bytes = 50ull << 30;
  room.host_reserve_bytes = 4ull << 30;
  room.disk_bytes = 32ull << 30;
  room.disk_available_bytes = 20ull << 30;
  return room;
}

std::string Refusal(const Room& room, size_t boxes, For what) {
  const auto checked = CheckRoom(room, boxes, what);
  if (checked) return "";
  EXPECT_EQ(checked.error().code(), Code::kExhausted);
  return checked.error().message();
}

TEST(RoomTest, AmpleRoomRefusesNothing) {
  EXPECT_EQ(Refusal(Ample(), 69, For::kNewBox), "");
  EXPECT_EQ(Refusal(Ample(), 5000, For::kStart), "");
}

TEST(RoomTest, OpenFilesAreNamedWithTheSettingToRaise) {
  EXPECT_THAT(
      Refusal(Ample(), 70, For::kNewBox),
      AllOf(HasSubstr("1000 open files"), HasSubstr("70 sandboxes"), HasSubstr("LimitNOFILE")));
}

TEST(RoomTest, RangesOfUidsAreNamedWithTheirRegistry) {
  Room room = Ample();
  room.boxes_by_uids = 2;
  EXPECT_EQ(Refusal(room, 1, For::kNewBox), "");
  EXPECT_THAT(Refusal(room, 2, For::kNewBox),
              AllOf(HasSubstr("uids"), HasSubstr("/var/lib/cove-uids")));
  EXPECT_EQ(Refusal(room, 2, For::kStart), "") << "a box that exists has its range";
}

TEST(RoomTest, ThreadsOfTheMachineCountForStartsToo) {
  Room room = Ample();
  room.threads = room.threads_max - 63;
  for (const For what : {For::kNewBox, For::kStart}) {
    EXPECT_THAT(Refusal(room, 0, what), AllOf(HasSubstr("29937 of 30000"), HasSubstr("pid_max")));
  }
  room.threads = room.threads_max - 64;
  EXPECT_EQ(Refusal(room, 0, For::kNewBox), "");
}

TEST(RoomTest, TheReserveOfTheDiskIsKeptAndHalfOfItForStarts) {
  Room room = Ample();
  room.host_available_bytes = 3ull << 30;
  EXPECT_THAT(Refusal(room, 0, For::kNewBox),
              AllOf(HasSubstr("3072 MiB left"), HasSubstr("4096"), HasSubstr("delete")));
  EXPECT_EQ(Refusal(room, 0, For::kStart), "") << "it may be needed to delete what fills the disk";
  room.host_available_bytes = 1ull << 30;
  EXPECT_THAT(Refusal(room, 0, For::kStart), HasSubstr("2048"));
}

TEST(RoomTest, TheImageOfTheSandboxesKeepsAPartForItself) {
  Room room = Ample();
  room.disk_available_bytes = 1ull << 30;
  EXPECT_THAT(Refusal(room, 0, For::kNewBox), HasSubstr("1024 of 32768 MiB"));
}

TEST(RoomTest, SmallChangesAreNotWorthAMessage) {
  Room room = Ample();
  room.threads += 3;
  room.disk_available_bytes += 1 << 20;
  EXPECT_FALSE(Differ(Ample(), room));
  for (auto change :
       {+[](Room& r) { r.threads += 64; }, +[](Room& r) { r.disk_available_bytes -= 64 << 20; },
        +[](Room& r) { r.host_available_bytes -= 64 << 20; }, +[](Room& r) { --r.boxes_by_uids; },
        +[](Room& r) { ++r.boxes_by_files; }}) {
    Room other = Ample();
    change(other);
    EXPECT_TRUE(Differ(Ample(), other));
  }
}

}  // namespace
}  // namespace cove::proto
