// Goal: whatever a box connects to arrives on its sockets outside, with the destination it meant;
// everything else fails at once.
// Method: bash's /dev/tcp and /dev/udp inside, plain socket calls outside.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "sandbox/box_fixture.h"
#include "sandbox/rules.h"

namespace cove::sandbox {
namespace {

constexpr int kOriginalDst = 80;  // SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST

bool Readable(int fd, int timeout_ms) {
  pollfd waiting{fd, POLLIN, 0};
  return poll(&waiting, 1, timeout_ms) == 1;
}

std::string Text(const sockaddr_storage& address) {
  char ip[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, ip, sizeof ip);
    return std::string(ip) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  inet_ntop(AF_INET6, &v6.sin6_addr, ip, sizeof ip);
  return std::string("[") + ip + "]:" + std::to_string(ntohs(v6.sin6_port));
}

class NetworkTest : public BoxTest {
 protected:
  void SetUp() override {
    BoxTest::SetUp();
    if (!IsSkipped()) StartBox();
  }

  // Accepts one connection, says where it was meant to go, and answers "hello\n".
  std::string AnswerOne(int listener, int level) {
    if (!Readable(listener, 5000)) return "nobody came";
    const UniqueFd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getsockopt(fd.get(), level, kOriginalDst, &address, &size) != 0) return "no destination";
    (void)!write(fd.get(), "hello\n", 6);
    return Text(address);
  }
};

TEST_F(NetworkTest, BringsEveryTcpConnectionOutWithItsDestination) {
  std::string meant;
  std::thread gateway([&] { meant = AnswerOne(box_->sockets.tcp4.get(), SOL_IP); });
  EXPECT_EQ(Output(1000, "exec 3<>/dev/tcp/93.184.216.34/443; cat <&3"), "hello\n");
  gateway.join();
  EXPECT_EQ(meant, "93.184.216.34:443");
}

TEST_F(NetworkTest, BringsIpv6OutToo) {
  std::string meant;
  std::thread gateway([&] { meant = AnswerOne(box_->sockets.tcp6.get(), SOL_IPV6); });
  EXPECT_EQ(Output(0, "exec 3<>/dev/tcp/2606:2800:220:1::1/8443; cat <&3"), "hello\n");
  gateway.join();
  EXPECT_EQ(meant, "[2606:2800:220:1::1]:8443");
}

TEST_F(NetworkTest, AnswersUdpDnsFromTheAddressThatWasAsked) {
  for (const char* server : {"10.0.0.2", "8.8.8.8"}) {
    std::thread resolver([&] {
      const int fd = box_->sockets.dns_udp.get();
      if (!Readable(fd, 5000)) return;
      char buffer[512];
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t n =
          recvfrom(fd, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
      const std::string reply = "answer to " + std::string(buffer, static_cast<size_t>(n));
      sendto(fd, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    });
    // A connected UDP socket takes an answer only from where it asked.
    EXPECT_EQ(
        Output(1000, "perl -e 'socket(S,2,2,0); connect(S,pack(\"SnC4x8\",2,53,split(/[.]/,\"" +
                         std::string(server) +
                         "\"))) or die; syswrite(S,\"query\"); sysread(S,$r,99); print $r'"),
        "answer to query")
        << server;
    resolver.join();
  }
}

TEST_F(NetworkTest, BringsTcpDnsToTheDnsListener) {
  std::string meant;
  std::thread resolver([&] { meant = AnswerOne(box_->sockets.dns_tcp.get(), SOL_IP); });
  EXPECT_EQ(Output(1000, "exec 3<>/dev/tcp/10.0.0.2/53; cat <&3"), "hello\n");
  resolver.join();
  EXPECT_EQ(meant, "10.0.0.2:53");
}

TEST_F(NetworkTest, RefusesOtherUdpAtOnce) {
  const TimePoint start = Now();
  for (const char* where : {"8.8.8.8/443", "2606:2800:220:1::1/443"}) {
    EXPECT_NE(Run(0, std::string("exec 3<>/dev/udp/") + where +
                         "; echo x >&3 && echo y >&3 && read -t 60 -u 3")
                  .status,
              0)
        << where;
  }
  EXPECT_LT(Now() - start, seconds(30));
}

TEST_F(NetworkTest, LimitsHowManyConnectionsABoxMayHave) {
  const std::string flood =
      "perl -e 'for (1..4300) { socket($s,2,2,0); connect($s,pack(\"SnC4x8\",2,53,8,8,8,8)) or die;"
      " defined(syswrite($s,\"q\")) or ++$refused; push @s, $s; undef $s } print $refused'";
  const int refused = std::stoi("0" + Output(1000, flood));
  EXPECT_GE(refused, 150);
  EXPECT_LE(refused, 300);
}

TEST_F(NetworkTest, KeepsItsListenersFromRootWithSs) {
  Run(0, "ss -K; ss -K sport = 1; ss -K -l; ss -K -u -a");
  std::string meant;
  std::thread gateway([&] { meant = AnswerOne(box_->sockets.tcp4.get(), SOL_IP); });
  EXPECT_EQ(Output(1000, "exec 3<>/dev/tcp/1.1.1.1/80; cat <&3"), "hello\n");
  gateway.join();
  EXPECT_EQ(meant, "1.1.1.1:80");
}

TEST_F(NetworkTest, LeavesTheBoxItsOwnConnectionsAndLowPorts) {
  // Port 80 as an ordinary user, reached by each of the box's own addresses.
  for (const char* address : {"127.0.0.1/80", "10.0.0.2/81"}) {
    const std::string port = strchr(address, '/') + 1;
    const std::string server =
        "perl -e 'socket(S,2,1,0); bind(S,pack(\"Snx12\",2,$ARGV[0])) or die $!; listen(S,1);"
        " accept(C,S); syswrite(C,\"inside\\n\")' ";
    EXPECT_EQ(Output(1000, server + port + " & sleep 0.3; exec 3<>/dev/tcp/" + address +
                               "; cat <&3; wait"),
              "inside\n")
        << address;
  }
  EXPECT_FALSE(Readable(box_->sockets.tcp4.get(), 0));
}

TEST_F(NetworkTest, KeepsConnectionsWaitingWhileNobodyAccepts) {
  box_->sockets = {};  // the front and the runner are gone; the toolbox's duplicates are not
  EXPECT_EQ(Output(1000, "exec 3<>/dev/tcp/93.184.216.34/443 && echo queued"), "queued\n");
  auto adopted = driver_->Adopt(id_, box_->pid, box_->start_time);
  ASSERT_TRUE(adopted) << adopted.error().message();
  EXPECT_TRUE(Readable(adopted->sockets.tcp4.get(), 1000));
}

TEST_F(NetworkTest, TrackedConnectionsAreBounded) {
  // Every port is a connection of its own to the kernel, whether anybody listens or not.
  Output(0,
         "perl -e 'for $p (1000..13000) { socket($s,2,2,0);"
         " connect($s,pack(\"SnC4x8\",2,$p,127,0,0,1)) or die; syswrite($s,\"q\"); undef $s }'");
  const int count = std::stoi(Output(0, "cat /proc/sys/net/netfilter/nf_conntrack_count"));
  EXPECT_GT(count, 4000);
  EXPECT_LE(count, static_cast<int>(kBoxTrackedMax) + 1);
}

}  // namespace
}  // namespace cove::sandbox
