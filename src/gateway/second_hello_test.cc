// Goal: the name that a second ClientHello asks for is judged like the first one's, before the
// server sees it. Method: a server of the test that answers with a HelloRetryRequest, and hellos by
// hand.
#include <gmock/gmock.h>

#include "gateway/gateway_fake.h"
#include "gateway/hello_bytes.h"

namespace cove::gateway {
namespace {

// RFC 8446 section 4.1.3.
constexpr unsigned char kRandom[] = {
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};

std::string Record(char type, const std::string& body) {
  return std::string(1, type) + std::string("\x03\x03", 2) + Vector(body, 2);
}

std::string Retry() {
  const std::string random(reinterpret_cast<const char*>(kRandom), sizeof kRandom);
  const std::string body = Number(0x0303, 2) + random + Vector("", 1) + Number(0x1301, 2) +
                           std::string(1, '\0') + Vector("", 2);
  return Record(22, std::string(1, 2) + Vector(body, 3));
}

class SecondHelloTest : public GatewayTest {
 protected:
  static Task<void> AskAgain(SecondHelloTest* t, net::Listener* listener) {
    auto fd = co_await listener->Accept();
    if (!fd) co_return;
    SocketStream stream(*std::move(fd));
    std::vector<char> buffer(4096);
    for (int i = 0; i < 2; ++i) {
      const auto n = co_await stream.Read(buffer);
      if (!n || *n == 0) co_return;
      t->got_.append(buffer.data(), *n);
      if (!co_await stream.Write(i == 0 ? Retry() : "done")) co_return;
    }
    (void)co_await stream.Read(buffer);
  }
  void StartAsking() {
    Start();
    servers_.Spawn(AskAgain(this, Listen(443)));
  }
  std::string got_;  // by the server
};

TEST_F(SecondHelloTest, TheSameNameGoesOn) {
  StartAsking();
  GoTo("allowed.test", 443);
  const Stream client = Dial();
  const std::string hello = Hello("allowed.test");
  EXPECT_EQ(Hear(client, hello), Retry());
  EXPECT_EQ(Hear(client, Record(20, "\x01") + hello), "done");
  EXPECT_EQ(got_, hello + Record(20, "\x01") + hello);
}

TEST_F(SecondHelloTest, AnotherNameIsHeldBackAndOnRecord) {
  for (const std::string& second :
       {Hello("evil.test"), Record(20, "\x01") + Hello("evil.test"),
        Record(21, "\x01\x5a") + Record(23, "early") + Hello("evil.test"), Hello(""),
        Hello("allowed.test", Number(0xfe0d, 2) + Vector("x", 2))}) {
    gateway_.reset();
    servers_.Clear();
    listeners_.clear();
    got_.clear();
    StartAsking();
    GoTo("allowed.test", 443);
    const Stream client = Dial();
    EXPECT_EQ(Hear(client, Hello("allowed.test")), Retry());
    EXPECT_EQ(Hear(client, second), "reset");
    EXPECT_EQ(got_, Hello("allowed.test"));
    EXPECT_EQ(Rows().back().detail, "after the first hello");
  }
}

TEST_F(SecondHelloTest, WhereANameIsDeniedItIsByNumberToo) {
  SetDocument("allow=\"0.0.0.0/0:*\"\ndeny=\"evil.test:*\"");
  StartAsking();
  GoToAddress(kServerIp, 443);
  const Stream client = Dial();
  EXPECT_EQ(Hear(client, Hello("any.test")), Retry());
  EXPECT_EQ(Hear(client, Hello("evil.test")), "reset");
  EXPECT_EQ(Rows().back().reason, "denied_by_rule");
}

TEST_F(SecondHelloTest, AfterALateFirstOneToo) {
  SetDocument("allow=\"0.0.0.0/0:*\"\ndeny=\"evil.test:*\"");
  StartAsking();
  GoToAddress(kServerIp, 443);
  const Stream client = Dial();
  WaitFor([&] { return !Rows().empty(); });
  EXPECT_EQ(Hear(client, Hello("any.test")), Retry());
  EXPECT_EQ(Hear(client, Hello("evil.test")), "reset");
  EXPECT_EQ(got_, Hello("any.test"));
  EXPECT_EQ(Rows().back().reason, "denied_by_rule");
}

}  // namespace
}  // namespace cove::gateway
