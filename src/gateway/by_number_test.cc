// Goal: a name that is denied is not reached by its number either, whoever allows the number; and
// where no name is denied, a connection by number is not read at all.
// Method: the gateway of gateway_fake.h; hellos and requests to the server's very address.
#include <gmock/gmock.h>

#include "gateway/gateway_fake.h"
#include "gateway/hello_bytes.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;

std::string Get(std::string_view host) {
  return "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
}

class ByNumberTest : public GatewayTest {
 protected:
  void StartWith(std::string_view outer, std::string_view own) {
    SetLayers(outer, own);
    Start();
    StartEcho(443);
    StartEcho(5000);
    StartWeb(80);
  }
  void SetLayers(std::string_view outer, std::string_view own) {
    const auto document = [](std::string_view toml, policy::Layer layer) {
      return std::make_shared<policy::Document>(*policy::ParseToml(toml, "p", layer));
    };
    policy_ = policy::Policy::Make(
        {{policy::Layer::kServer, document(outer, policy::Layer::kServer), nullptr},
         {policy::Layer::kSandbox, nullptr, document(own, policy::Layer::kSandbox)}});
  }
  std::string Ask(uint16_t port, std::string bytes) {
    GoToAddress(kServerIp, port);
    return Hear(Dial(), std::move(bytes));
  }
  std::string LastReason() { return Rows().back().reason; }
};

constexpr std::string_view kCeiling = "default=\"allow\"\ndeny=\"**.evil.test:*\"";
constexpr std::string_view kAnywhere = "allow=[\"0.0.0.0/0:*\"]";

TEST_F(ByNumberTest, ACeilingsDenialHoldsForANetworkThatTheSandboxOpened) {
  StartWith(kCeiling, kAnywhere);
  EXPECT_EQ(Ask(443, Hello("www.evil.test")), "reset");
  EXPECT_EQ(LastReason(), "denied_by_rule");
  EXPECT_EQ(Rows().back().rule, "deny **.evil.test:*");
  EXPECT_EQ(Rows().back().layer, "server");
  EXPECT_EQ(Ask(5000, Hello("evil.test")), "reset");
  EXPECT_EQ(Ask(443, Hello("dns.google")), "reset");
  EXPECT_EQ(LastReason(), "dns_over_https");
  EXPECT_EQ(Ask(443, Hello("good.test", Number(0xfe0d, 2) + Vector("x", 2))), "reset");
  EXPECT_EQ(LastReason(), "encrypted_hello");
  EXPECT_EQ(Ask(443, Hello("good.test")), Hello("good.test"));
  EXPECT_EQ(Ask(443, Hello("")), Hello(""));
  EXPECT_EQ(Ask(5000, "any\r\n"), "any\r\n");
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(ByNumberTest, EachRequestSaysItsNameThere) {
  StartWith(kCeiling, kAnywhere);
  GoToAddress(kServerIp, 80);
  const Stream stream = Dial();
  EXPECT_THAT(Hear(stream, Get("good.test")), HasSubstr("served"));
  EXPECT_THAT(Hear(stream, Get(kServerIp)), HasSubstr("served"));
  EXPECT_THAT(Hear(stream, Get("www.evil.test")), HasSubstr("403 "));
  EXPECT_THAT(Ask(80, Get("203.0.113.99")), HasSubstr("400 "));
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(ByNumberTest, AnAddressThatNoRuleNamesIsRefusedAsOneInPlainHttpToo) {
  StartWith("default=\"allow\"", "allow=\"a.test\"");
  EXPECT_THAT(Ask(80, Get(kServerIp)), HasSubstr("\"reason\":\"no_name\""));
  EXPECT_EQ(LastReason(), "no_name");
  EXPECT_EQ(Rows().back().host, kServerIp);
  EXPECT_THAT(Ask(80, Get("203.0.113.99")), HasSubstr("\"reason\":\"bad_name\""));
  SetLayers("default=\"allow\"", "default=\"allow\"\ndeny=\"203.0.113.0/24:*\"");
  EXPECT_THAT(Ask(80, Get(kServerIp)), HasSubstr("\"reason\":\"denied_by_rule\""));
}

TEST_F(ByNumberTest, AClientThatSaysItsNameLateIsJudgedAllTheSame) {
  StartWith(kCeiling, kAnywhere);
  GoToAddress(kServerIp, 5000);
  const Stream stream = Dial();
  WaitFor([&] { return !Rows().empty(); });
  EXPECT_EQ(Hear(stream, Hello("evil.test")), "reset");
}

TEST_F(ByNumberTest, ADefaultOfAllowGoesByTheNameThatItIsTold) {
  StartWith("default=\"allow\"", "default=\"allow\"\ndeny=\"evil.test\"");
  EXPECT_EQ(Ask(443, Hello("evil.test")), "reset");
  EXPECT_EQ(Ask(443, Hello("good.test")), Hello("good.test"));
  EXPECT_EQ(resolved_, std::vector<std::string>{"good.test"});
  EXPECT_EQ(Ask(443, Hello("")), Hello(""));
}

TEST_F(ByNumberTest, WithoutADeniedNameNothingIsRead) {
  StartWith("default=\"deny\"\nallow=\"0.0.0.0/0:*\"", kAnywhere);
  EXPECT_EQ(Ask(443, Hello("evil.test")), Hello("evil.test"));
  EXPECT_EQ(Ask(5000, "G"), "G");
}

}  // namespace
}  // namespace cove::gateway
