// Goal: listening ports are seen when they come and go, and can be connected to.
// Method: the parser on texts of /proc/net/tcp; the rest with listeners of the test on loopback.
#include "toolbox/ports.h"

#include "toolbox/testing.h"

namespace cove::toolbox {
namespace {

using proto::toolbox::PortInfo;

TEST(ParseListenersTest, TakesListenersOnceAndLeavesOutOurs) {
  std::vector<PortInfo> ports;
  ParseListeners(
      "  sl  local_address rem_address   st\n"
      "   0: 0100007F:0016 00000000:0000 0A 0\n"
      "   1: 00000000:1F90 00000000:0000 0A 0\n"
      "   2: 0100007F:0001 00000000:0000 0A 0\n"
      "   3: 0100007F:0035 00000000:0000 0A 0\n"
      "   4: 0100007F:1234 0100007F:1F90 01 0\n",
      &ports);
  ParseListeners("   0: 00000000000000000000000000000000:0016 0:0 0A\n", &ports);
  ASSERT_EQ(ports.size(), 2u);
  EXPECT_EQ(ports[0].port, 22);
  EXPECT_FALSE(ports[0].loopback_only);
  EXPECT_EQ(ports[1].port, 8080);
}

class PortsTest : public ToolboxTest {
 protected:
  static bool Has(const std::vector<PortInfo>& ports, uint16_t port) {
    for (const PortInfo& p : ports) {
      if (p.port == port) return true;
    }
    return false;
  }
};

Task<Result<bool>> SeesItComeAndGo(ToolboxClient* client,
                                   bool (*has)(const std::vector<PortInfo>&, uint16_t)) {
  CO_ASSIGN_OR_RETURN(auto watch, co_await client->WatchPorts());
  CO_RETURN_IF_ERROR(co_await watch->Next());
  CO_ASSIGN_OR_RETURN(UniqueFd listener,
                      net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0)));
  CO_ASSIGN_OR_RETURN(const auto address, net::LocalAddress(listener.get()));
  for (;;) {
    CO_ASSIGN_OR_RETURN(const auto ports, co_await watch->Next());
    if (has(ports, address.port())) break;
  }
  listener.Reset();
  for (;;) {
    CO_ASSIGN_OR_RETURN(const auto ports, co_await watch->Next());
    if (!has(ports, address.port())) co_return true;
  }
}

TEST_F(PortsTest, WatchReportsEachChange) {
  auto seen = Get(SeesItComeAndGo(client_.get(), &PortsTest::Has));
  ASSERT_TRUE(seen) << seen.error().message();
}

TEST_F(PortsTest, ConnectsOnEitherFamily) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    auto listener = net::ListenTcp(*net::SocketAddress::FromIp(ip, 0));
    if (!listener) continue;  // a machine without IPv6
    const uint16_t port = net::LocalAddress(listener->get())->port();
    EXPECT_TRUE(Has(*Get(client_->ListPorts()), port));
    auto fd = Get(client_->ConnectPort(port));
    ASSERT_TRUE(fd) << fd.error().message();
    EXPECT_EQ(net::PeerAddress(fd->get())->port(), port);
  }
}

TEST_F(PortsTest, SaysThatNothingListens) {
  EXPECT_EQ(Get(client_->ConnectPort(9)).error().code(), Code::kUnavailable);
  EXPECT_EQ(Get(client_->ConnectPort(1)).error().code(), Code::kInvalid);
}

}  // namespace
}  // namespace cove::toolbox
