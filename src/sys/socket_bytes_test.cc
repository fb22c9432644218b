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

enum class Accepts { kYes, kNo };

// In the child: connections that have sent and gone. Never returns.
[[noreturn]] void Connect(int ready, Accepts accepts) {
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
  bool all = true;
  for (int i = 0; i < kConnections; ++i) {
    const int near = socket(AF_INET, SOCK_STREAM, 0);
    all = all && connect(near, reinterpret_cast<sockaddr*>(&at), size) == 0 &&
          send(near, block, sizeof block, MSG_NOSIGNAL) == sizeof block;
    close(near);
    if (accepts == Accepts::kYes) all = all && accept(listener, nullptr, nullptr) >= 0;
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
  uint64_t BytesOf(Accepts accepts) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    child_ = fork();
    if (child_ == 0) Connect(ready[1], accepts);
    char told = 0;
    EXPECT_EQ(read(ready[0], &told, 1), 1);
    EXPECT_EQ(told, 'y');
    close(ready[0]);
    close(ready[1]);
    const pid_t pids[] = {child_, getpid(), child_};
    const auto networks = NetworksOf(pids);
    EXPECT_EQ(networks.size(), 1u) << "its own once, and not ours";
    if (networks.empty()) return 0;
    EXPECT_EQ(networks[0].pid, child_);
    const auto bytes = UnacceptedBytes(networks[0].fd.get());
    EXPECT_TRUE(bytes) << bytes.error().message();
    EXPECT_TRUE(NetworksOf(std::span(pids).subspan(1, 1)).empty()) << "we are where we were";
    return bytes ? *bytes : 0;
  }
  pid_t child_ = 0;
};

TEST_F(SocketBytesTest, CountsWhatNobodyHasAccepted) {
  const auto before = SocketBytesOfMachine();
  const uint64_t bytes = BytesOf(Accepts::kNo);
  EXPECT_GE(bytes, kConnections * kBytesEach);
  EXPECT_LE(bytes, 16 * kConnections * kBytesEach);
  const auto after = SocketBytesOfMachine();
  ASSERT_TRUE(before && after);
  // Each processor may have up to a MiB of it at hand.
  const auto spare = static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_ONLN)) << 20;
  EXPECT_GE(*after + spare, *before + kConnections * kBytesEach);
}

TEST_F(SocketBytesTest, WhatWasAcceptedIsNotCounted) { EXPECT_EQ(BytesOf(Accepts::kYes), 0u); }

TEST_F(SocketBytesTest, ANamespaceThatIsNoneIsAnError) {
  const UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(UnacceptedBytes(file.get()));
}

}  // namespace
}  // namespace cove::sys
