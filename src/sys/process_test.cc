// Goal: a process keeps its identity by pidfd and start time, and tells how it ended.
// Method: children of the test.
#include "sys/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/testing.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

pid_t Sleeper() {
  const pid_t pid = fork();
  while (pid == 0) pause();
  return pid;
}

void AwaitEnd(int pidfd) {
  pollfd ended{pidfd, POLLIN, 0};
  poll(&ended, 1, 5000);
}

TEST(ProcessTest, TellsHowAChildEnded) {
  const pid_t pid = Sleeper();
  auto pidfd = PidfdOpen(pid);
  ASSERT_TRUE(pidfd);
  ASSERT_TRUE(StartTime(pid));
  EXPECT_EQ(*StartTime(pid), *StartTime(pid));
  ASSERT_TRUE(PidfdSignal(pidfd->get(), SIGTERM));
  AwaitEnd(pidfd->get());
  EXPECT_EQ(StartTime(pid).error().code(), Code::kGone) << "a zombie has ended";
  EXPECT_EQ(ExitStatus(pidfd->get()), SIGTERM);
  EXPECT_EQ(PidfdSignal(pidfd->get(), SIGTERM).error().code(), Code::kGone);
}

TEST(ProcessTest, TellsHowOneEndedThatAnotherReaped) {
  const pid_t pid = fork();
  if (pid == 0) _exit(7);
  auto pidfd = PidfdOpen(pid);
  ASSERT_TRUE(pidfd);
  waitpid(pid, nullptr, 0);
  const auto status = ExitStatus(pidfd->get());
  // Kernels before 6.15 cannot tell.
  if (status) EXPECT_EQ(*status, 7 << 8);
}

TEST(ProcessTest, SaysGoneForAPidThatIsNot) {
  EXPECT_EQ(PidfdOpen(4'000'000).error().code(), Code::kGone);
  EXPECT_EQ(StartTime(4'000'000).error().code(), Code::kGone);
}

TEST(ProcessTest, TakesADescriptorFromAnotherProcess) {
  NEEDS_ROOT();
  int pipe_fds[2];
  ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  const pid_t pid = Sleeper();
  auto pidfd = PidfdOpen(pid);
  ASSERT_TRUE(pidfd);
  auto copy = PidfdGetFd(pidfd->get(), pipe_fds[0]);
  ASSERT_TRUE(copy) << copy.error().message();
  struct stat a{}, b{};
  fstat(pipe_fds[0], &a);
  fstat(copy->get(), &b);
  EXPECT_EQ(a.st_ino, b.st_ino);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST(SealedExecutableTest, CannotBeChangedAndRuns) {
  auto fd = SealedExecutable("/bin/true");
  ASSERT_TRUE(fd) << fd.error().message();
  EXPECT_LT(write(fd->get(), "x", 1), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    char name[] = "true";
    char* argv[] = {name, nullptr};
    fexecve(fd->get(), argv, argv + 1);
    _exit(99);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(OpenFilesTest, AreThoseOfEveryThreadAlsoWhenTheFirstHasEnded) {
  constexpr int kFiles = 50;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::thread([to = ready[1]] {
      bool all = unshare(CLONE_FILES) == 0;
      for (int i = 0; i < kFiles; ++i) all = open("/dev/null", O_RDONLY) >= 0 && all;
      (void)!write(to, all ? "y" : "n", 1);
      for (;;) pause();
    }).detach();
    syscall(SYS_exit, 0);  // of this thread alone
  }
  close(ready[1]);
  char told = 0;
  EXPECT_EQ(read(ready[0], &told, 1), 1);
  EXPECT_EQ(told, 'y');
  EXPECT_GE(OpenFiles(child), uint64_t{kFiles});
  EXPECT_LT(OpenFiles(child), uint64_t{2 * kFiles}) << "each table once";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(OpenFiles(child), 0u);
  close(ready[0]);
}

}  // namespace
}  // namespace cove::sys
