// Goal: the exit code says what became of the output, and the server's own key stays on its
// machine. Method: the command line in a child process whose standard output is a device without
// room; a key file of the test's own.
#include "cli/cli.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/testing.h"
#include "cli/connection.h"

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

std::string PrintedBy(const std::vector<std::string>& args) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(CliMain(args), 0);
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

TEST(CliTest, HelpOfExecSaysWhatBecomesOfStandardInputAndWhat125Means) {
  const std::string help = PrintedBy({"help", "exec"});
  EXPECT_EQ(help, PrintedBy({"exec", "--help"}));
  EXPECT_TRUE(help.starts_with("usage: cove exec ")) << help;
  for (const char* said :
       {"Standard input is not passed on", "/files/upload?path=", "125  it was not run",
        "125  how it ended is not known", "125  its output could not be written",
        "125  it ended with 0, but part of its output was lost", "130  this was interrupted"}) {
    EXPECT_NE(help.find(said), std::string::npos) << said;
  }
  EXPECT_NE(PrintedBy({"help"}).find("see cove help exec"), std::string::npos);
  EXPECT_EQ(PrintedBy({"help", "ls"}), "usage: cove ls \n");
}

TEST(CliTest, TheAdminKeysFileIsForServersOfThisMachine) {
  const TempDir data;
  data.File("front/admin.key", "cove_secret\n");
  for (const char* name :
       {"COVE_API_KEY", "DAYTONA_API_KEY", "COVE_ADMIN_KEY", "COVE_URL", "DAYTONA_API_URL"}) {
    ASSERT_EQ(unsetenv(name), 0);
  }
  ASSERT_EQ(setenv("COVE_DATA", data.path().c_str(), 1), 0);
  const auto here = FindServer();
  ASSERT_TRUE(here) << here.error().message();
  EXPECT_EQ(here->key, "cove_secret");
  for (const char* url : {"http://127.0.0.2:1", "http://[::1]:1", "http://localhost:1/api"}) {
    ASSERT_EQ(setenv("COVE_URL", url, 1), 0);
    EXPECT_TRUE(FindServer()) << url;
  }
  for (const char* url : {"https://cove.example.com", "http://127.0.0.1.example.com",
                          "http://192.168.1.2:3986", "http://[2001:db8::1]:1"}) {
    ASSERT_EQ(setenv("COVE_URL", url, 1), 0);
    const auto there = FindServer();
    ASSERT_FALSE(there) << url;
    EXPECT_EQ(there.error().code(), Code::kUnauthenticated);
  }
  ASSERT_EQ(setenv("COVE_API_KEY", "given", 1), 0);
  EXPECT_TRUE(FindServer());
  ASSERT_EQ(unsetenv("COVE_API_KEY"), 0);
  ASSERT_EQ(unsetenv("COVE_URL"), 0);
  ASSERT_EQ(unsetenv("COVE_DATA"), 0);
}

}  // namespace
}  // namespace cove::cli
