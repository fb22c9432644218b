// Goal: a box starts, runs commands as its users, and ends without a trace.
// Method: real boxes on a small image of this machine's programs; needs root.
#include "sandbox/driver.h"

#include <sys/stat.h>

#include "sandbox/box_fixture.h"

namespace cove::sandbox {
namespace {

class DriverTest : public BoxTest {};

TEST_F(DriverTest, RunsCommandsAsEachOfItsUsers) {
  StartBox();
  EXPECT_EQ(Output(0, "id -u; id -g"), "0\n0\n");
  EXPECT_EQ(Output(1000, "id -un; echo $HOME"), "daytona\n/home/daytona\n");
  EXPECT_EQ(Output(0, "cat /proc/sys/kernel/hostname"), "box-under-test\n");
}

}  // namespace
}  // namespace cove::sandbox
