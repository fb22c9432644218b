// Goal: the exit code says what became of the output. Method: the command line in a child process
// whose standard output is a device without room.
#include "cli/cli.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

namespace cove::cli {
namespace {

int ExitCodeWithOutput(const char* path, const std::vector<std::string>& args) {
  const int to = open(path, O_WRONLY | O_CLOEXEC);
  if (to < 0 || dup2(to, STDOUT_FILENO) < 0) return 99;
  return CliMain(args);
}

TEST(CliTest, WhatCouldNotBePrintedIsAFailure) {
  const std::vector<std::string> version = {"version"};
  EXPECT_EXIT(_exit(ExitCodeWithOutput("/dev/null", version)), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(_exit(ExitCodeWithOutput("/dev/full", version)), testing::ExitedWithCode(1),
              "cove: standard output cannot be written: No space left on device");
}

}  // namespace
}  // namespace cove::cli
