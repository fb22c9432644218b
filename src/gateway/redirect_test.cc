// Goal: with the kernel's own redirect and connection tracking, for both families, the gateway sees
// where a connection was going and refuses one to itself. Method: nft rules as a sandbox has them,
// in the test's network namespace; the rules spare the address that servers of the test have.
#include <gmock/gmock.h>

#include <cstdlib>

#include "gateway/gateway_fake.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;

class RedirectTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    if (HasFatalFailure()) return;
    deps_.destination = nullptr;  // the real one
    Start();
    const std::string setup =
        "{ ip route replace default dev lo src 203.0.113.20 && "
        "ip addr replace fd00::2/128 dev lo nodad && ip -6 route replace default dev lo src "
        "fd00::2 && "
        "nft 'add table inet cove_test; "
        "add chain inet cove_test out { type nat hook output priority -100; }; "
        "add rule inet cove_test out ip daddr { 127.0.0.0/8, 203.0.113.0/24 } return; "
        "add rule inet cove_test out ip6 daddr { ::1, fd00::2 } return; "
        "add rule inet cove_test out meta l4proto tcp redirect to :" +
        std::to_string(tcp_.port()) + "'; } >/dev/null 2>&1";
    ASSERT_EQ(std::system(setup.c_str()), 0) << "needs ip, nft and nf_tables' nat";
  }
  void TearDown() override {
    (void)!std::system("nft delete table inet cove_test >/dev/null 2>&1");
    GatewayTest::TearDown();
  }
  std::string Get(std::string_view ip, std::string host) {
    return loop_
        .RunUntil(Say(*SocketAddress::FromIp(ip, 80),
                      "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", After::kKeepOpen))
        .received;
  }
};

TEST_F(RedirectTest, TheClaimedDestinationIsReadForBothFamilies) {
  EXPECT_THAT(Get("198.51.100.77", "evil.test"), HasSubstr("no_rule"));
  EXPECT_EQ(Rows().back().claimed, "198.51.100.77:80");
  EXPECT_THAT(Get("2001:db8:9::7", "evil.test"), HasSubstr("no_rule"));
  EXPECT_EQ(Rows().back().claimed, "[2001:db8:9::7]:80");
}

TEST_F(RedirectTest, AStandInLeadsToItsName) {
  const std::string ip = StandIns::FirstChoice(kModelHost).ToString();
  const std::string request = "GET /v1 HTTP/1.1\r\nHost: models.cove\r\nConnection: close\r\n\r\n";
  EXPECT_THAT(
      loop_.RunUntil(Say(*SocketAddress::FromIp(ip, 80), request, After::kKeepOpen)).received,
      HasSubstr("model for " + id_.value + "/v1"));
}

TEST_F(RedirectTest, AConnectionToTheListenerItselfIsRefused) {
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, "GET / HTTP/1.1\r\n", After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "self");
  const auto six = *SocketAddress::FromIp("::1", tcp_.port());
  EXPECT_TRUE(loop_.RunUntil(Say(six, "GET / HTTP/1.1\r\n", After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "self");
}

}  // namespace
}  // namespace cove::gateway
