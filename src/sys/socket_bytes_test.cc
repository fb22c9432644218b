// Goal: what came for connections that nobody accepts is found, and nothing else. Method: a process
// in a network namespace of its own that listens and connects to itself.
#include "sys/socket_bytes.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/testing.h"

namespace cove::sys {
namespace {

constexpr int kConnections = 20;
constexpr size_t kBytesEach = 32 * 1024;

enum class Then { kClosed, kReset, kAccepted };

// In the child: connections that have sent and gone. Never returns.
[[noreturn]] void Connect(int ready, Then then) {
  const int lo = unshare(CLONE_NEWNET) == 0 ? socket(AF_INET, SOCK_STREAM, 0) : -1;
  ifreq up{};
  std::snprintf(up.ifr_name, sizeof up.ifr_name, "lo");
  up.ifr_flags = IFF_UP;
  ioctl(lo, SIOCSIFFLAGS, &up);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, reinterpret_cast<sockaddr*>(&at), size);
  listen(listener, kConnections);
  getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  static char block[kBytesEach];
  const linger reset{.l_onoff = 1, .l_linger = 0};
  bool all = true;
  for (int i = 0; i < kConnections; ++i) {
    const int near = socket(AF_INET, SOCK_STREAM, 0);
    all = all && connect(near, reinterpret_cast<sockaddr*>(&at), size) == 0 &&
          send(near, block, sizeof block, MSG_NOSIGNAL) == sizeof block;
    if (then == Then::kReset) setsockopt(near, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(near);
    if (then != Then::kAccepted) continue;
    const int far = accept(listener, nullptr, nullptr);
    all = all && far >= 0;
    if (i % 2 == 0) close(far);
  }
  const char told = all ? 'y' : 'n';
  (void)!write(ready, &told, 1);
  for (;;) pause();
}

class SocketBytesTest : public ::testing::Test {
 protected:
  void SetUp() override { NEEDS_ROOT(); }
  void TearDown() override {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Unaccepted Find(Then then) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    child_ = fork();
    if (child_ == 0) Connect(ready[1], then);
    char told = 0;
    EXPECT_EQ(read(ready[0], &told, 1), 1);
    EXPECT_EQ(told, 'y');
    close(ready[0]);
    close(ready[1]);
    const pid_t threads[] = {child_, getpid(), child_};
    const auto networks = NetworksOf(threads);
    EXPECT_EQ(networks.size(), 1u) << "its own once, and not ours";
    if (networks.empty()) return {};
    EXPECT_EQ(networks[0].threads, (std::vector<pid_t>{child_, child_}));
    const auto found = UnacceptedIn(networks[0]);
    EXPECT_TRUE(found) << found.error().message();
    EXPECT_TRUE(NetworksOf(std::span(threads).subspan(1, 1)).empty()) << "we are where we were";
    return found ? *found : Unaccepted();
  }
  pid_t child_ = 0;
};

TEST(SocketBytes, AreThePagesOfTcpAndUdp) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  EXPECT_EQ(SocketBytesIn("sockets: used 10\n"
                          "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 81\n"
                          "UDP: inuse 0 mem 7\nUDPLITE: inuse 0\nFRAG: inuse 0 memory 5\n"),
            88 * page);
  EXPECT_TRUE(SocketBytesOfMachine());
}

TEST_F(SocketBytesTest, CountsWhatNobodyHasAccepted) {
  const Unaccepted found = Find(Then::kClosed);
  EXPECT_EQ(found.queued, uint64_t{kConnections});
  EXPECT_EQ(found.open, uint64_t{kConnections});
  EXPECT_GE(found.bytes, kConnections * kBytesEach);
  EXPECT_LE(found.bytes, 16 * kConnections * kBytesEach);
}

TEST_F(SocketBytesTest, CountsThoseThatTheKernelDoesNotTellOf) {
  const Unaccepted found = Find(Then::kReset);
  EXPECT_EQ(found.queued, uint64_t{kConnections});
  EXPECT_EQ(found.open, 0u);
}

TEST_F(SocketBytesTest, WhatWasAcceptedIsNotCounted) {
  const Unaccepted found = Find(Then::kAccepted);
  EXPECT_EQ(found.queued + found.open + found.bytes, 0u);
}

TEST_F(SocketBytesTest, AThreadThatIsElsewhereIsGone) {
  EXPECT_EQ(UnacceptedIn({.inode = 1, .threads = {getpid()}}).error().code(), Code::kGone);
}

}  // namespace
}  // namespace cove::sys
