// Goal: what the machine cannot hold is refused before any work: no row, no request to the runner,
// no event. Method: one fact of the machine is made too small at a time; everything else is ample.
#include <gmock/gmock.h>

#include "control/control_fixture_test.h"

namespace cove::control {
namespace {

using ::testing::HasSubstr;

class AdmissionTest : public ControlTest {
 protected:
  AdmissionTest() {
    proto::Room room;
    room.boxes_by_files = room.boxes_by_uids = 100;
    room.files_max = 1328;
    room.threads_max = 30'000;
    room.host_available_bytes = room.disk_available_bytes = room.disk_bytes = 50ull << 30;
    room.host_reserve_bytes = 4ull << 30;
    facts_.room = room;
    (void)loop_.RunUntil(control_->EnsureHostImage());
  }
  // Both ways to ask for more: a new sandbox, and one that is stopped.
  std::string RefusedCreate() {
    world_.log.clear();
    size_t heard = 0;
    const Subscription hears = control_->Subscribe([&heard](const Change&) { ++heard; });
    const size_t before = control_->size();
    const auto made = Create(Request("more"));
    EXPECT_FALSE(made);
    if (made) return "";
    EXPECT_EQ(made.error().code(), Code::kExhausted);
    EXPECT_TRUE(world_.log.empty()) << world_.log.front();
    EXPECT_EQ(heard, 0u);
    EXPECT_EQ(control_->size(), before);
    return made.error().message();
  }
};

TEST_F(AdmissionTest, OpenFiles) {
  facts_.room->boxes_by_files = 1;
  MustCreate("a");
  EXPECT_THAT(RefusedCreate(), HasSubstr("1328 open files"));
}

TEST_F(AdmissionTest, RangesOfUids) {
  facts_.room->boxes_by_uids = 1;
  MustCreate("a");
  EXPECT_THAT(RefusedCreate(), HasSubstr("uids"));
}

TEST_F(AdmissionTest, ProcessesOfTheMachineForCreatesAndStarts) {
  const Sandbox s = MustCreate("a");
  ASSERT_TRUE(loop_.RunUntil(control_->Stop(s.id)));
  facts_.room->threads = 29'990;
  EXPECT_THAT(RefusedCreate(), HasSubstr("processes and threads"));
  world_.log.clear();
  const auto started = loop_.RunUntil(control_->Start(s.id));
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("processes and threads"));
  EXPECT_TRUE(world_.log.empty());
  EXPECT_EQ(control_->Find(s.id)->state, State::kStopped) << "a refusal changes nothing";
}

TEST_F(AdmissionTest, TheReserveOfTheDisk) {
  facts_.room->host_available_bytes = 3ull << 30;
  EXPECT_THAT(RefusedCreate(), HasSubstr("in reserve"));
}

TEST_F(AdmissionTest, TheDiskOfTheSandboxes) {
  facts_.room->disk_available_bytes = 1ull << 30;
  EXPECT_THAT(RefusedCreate(), HasSubstr("the disk of the sandboxes"));
}

TEST_F(AdmissionTest, MemoryThatIsPromised) {
  settings_.memory_overcommit = 0.125;  // 2 GiB
  Open();
  MustCreate("a");
  MustCreate("b");
  EXPECT_THAT(RefusedCreate(), HasSubstr("2 of 2 GiB"));
}

TEST_F(AdmissionTest, DiskThatIsPromised) {
  settings_.disk_overcommit = 0.01;  // 1 GiB
  Open();
  EXPECT_THAT(RefusedCreate(), HasSubstr("of 1 GiB are promised"));
}

TEST_F(AdmissionTest, MemoryThatIsLeft) {
  facts_.memory_available_bytes = 200ull << 20;
  EXPECT_THAT(RefusedCreate(), HasSubstr("only 200 MiB of memory"));
}

TEST_F(AdmissionTest, TheNumberOfSandboxes) {
  settings_.sandboxes_max = 1;
  Open();
  MustCreate("a");
  EXPECT_THAT(RefusedCreate(), HasSubstr("limits.sandboxes"));
}

// The twin: the same machine, with all of it ample.
TEST_F(AdmissionTest, AmpleRoomAdmits) { MustCreate("a"); }

}  // namespace
}  // namespace cove::control
