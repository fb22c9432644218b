// Goal: the numbers are those of this machine. Method: what sysinfo(2) says of the same, and a
// terminal that is opened.
#include "sys/machine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace cove::sys {
namespace {

TEST(Machine, HasTheMemoryThatTheKernelNames) {
  struct sysinfo info{};
  ASSERT_EQ(sysinfo(&info), 0);
  const auto machine = LookAtMachine();
  ASSERT_TRUE(machine) << machine.error().message();
  EXPECT_EQ(machine->memory, uint64_t{info.totalram} * info.mem_unit);
  EXPECT_GT(machine->memory_available, 0u);
  EXPECT_LE(machine->memory_available, machine->memory);
}

TEST(Machine, HasOneTerminalLessWhenOneIsOpened) {
  // Others open and close theirs meanwhile.
  bool one_less = false;
  for (int i = 0; i < 1000 && !one_less; ++i) {
    const auto before = LookAtMachine();
    const UniqueFd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(terminal);
    const auto after = LookAtMachine();
    ASSERT_TRUE(before && after);
    EXPECT_LT(after->terminals_available, after->terminals);
    one_less = after->terminals_available == before->terminals_available - 1;
  }
  EXPECT_TRUE(one_less);
}

}  // namespace
}  // namespace cove::sys
