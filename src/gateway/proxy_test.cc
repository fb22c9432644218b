// Goal: the proxies inside a sandbox open exactly what a redirected connection would, and say why
// they do not. Method: the gateway of gateway_fake.h with connections to the stand-in of
// proxy.cove, and an echoing server; what a client would send is written by hand.
#include "gateway/proxy.h"

#include <gmock/gmock.h>

#include "gateway/gateway_fake.h"

namespace cove::gateway {
namespace {

using namespace std::string_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kOpened = "HTTP/1.1 200 Connection established\r\n\r\n";

std::string Connect(const std::string& target, const std::string& host = {}) {
  return "CONNECT " + target + " HTTP/1.1\r\nHost: " + (host.empty() ? target : host) + "\r\n\r\n";
}
std::string Socks(const std::string& name, uint16_t port, char command = 1) {
  return "\x05\x01\x00\x05"s + command + "\x00\x03"s + static_cast<char>(name.size()) + name +
         static_cast<char>(port >> 8) + static_cast<char>(port);
}
std::string SocksReplyOf(char code) {
  return "\x05\x00\x05"s + code + "\x00\x01\x00\x00\x00\x00\x00\x00"s;
}

// Echoes one connection in capitals, so that an echo is not what was sent.
Task<void> Shout(net::Listener* listener) {
  auto fd = co_await listener->Accept();
  if (!fd) co_return;
  SocketStream stream(*std::move(fd));
  (void)co_await stream.Write("220 hello\r\n");
  std::vector<char> buffer(4096);
  for (;;) {
    const auto n = co_await stream.Read(buffer);
    if (!n || *n == 0) co_return;
    std::string out(buffer.data(), *n);
    for (char& c : out) c = static_cast<char>(toupper(c));
    if (!co_await stream.Write(out)) co_return;
  }
}

class ProxyTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    if (HasFatalFailure()) return;
    SetRules({"allowed.test:443", "allowed.test:80", "allowed.test:2222", "203.0.113.20/32:2222"});
    Start();
  }
  static Task<Talk> Exchange(ProxyTest* t, std::string bytes, uint16_t server_port, After after) {
    net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, server_port)));
    async::TaskGroup group;
    group.Spawn(Shout(&listener));
    co_return co_await Say(t->tcp_, std::move(bytes), after);
  }
  Talk Http(const std::string& bytes, uint16_t server_port = 2222,
            After after = After::kHalfClose) {
    GoTo("proxy.cove", kHttpProxyPort);
    return loop_.RunUntil(Exchange(this, bytes, server_port, after));
  }
  std::string Socks5(const std::string& bytes) {
    GoTo("proxy.cove", kSocksProxyPort);
    return loop_.RunUntil(Exchange(this, bytes, 2222, After::kHalfClose)).received;
  }
};

TEST_F(ProxyTest, AnAllowedNameIsOpenedAndServersMaySpeakFirst) {
  EXPECT_EQ(Http(Connect("Allowed.test.:2222") + "early").received,
            std::string(kOpened) + "220 hello\r\nEARLY");
  EXPECT_EQ(Socks5(Socks("allowed.test", 2222) + "early"), SocksReplyOf(0) + "220 hello\r\nEARLY");
  EXPECT_EQ(resolved_, (std::vector<std::string>{"allowed.test", "allowed.test"}));
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].claimed, "connect Allowed.test.:2222");
  EXPECT_EQ(rows[2].claimed, "socks allowed.test:2222");
  EXPECT_EQ(rows[0].host, "allowed.test");
}

TEST_F(ProxyTest, AClientThatWaitsForTheServerIsNotStuck) {
  GoTo("proxy.cove", kHttpProxyPort);
  const Talk talk = Http(Connect("allowed.test:2222"), 2222, After::kKeepOpen);
  EXPECT_EQ(talk.received, std::string(kOpened) + "220 hello\r\n");
}

TEST_F(ProxyTest, ARefusalSaysWhyIsOneRowAndAsksNobody) {
  const std::pair<std::string, std::string> cases[] = {
      {Connect("evil.test:443"), "no_rule"},
      {Connect("allowed.test:22"), "port_not_allowed"},
      {Connect("allowed.test.evil.test:443"), "no_rule"},
      {Connect("allowed.test:443", "evil.test:443"), "name_mismatch"},
      {Connect("allowed.test"), "malformed"},
      {Connect("3405803786:443"), "bad_name"},
      {Connect("0xCB00710A:443"), "bad_name"},
      {Connect("0313.0.0161.012:443"), "bad_name"},
      {Connect("203.0.28938:443"), "bad_name"},
      {Connect("allowed.test..:443"), "bad_name"},
      {Connect("evil.test%00.allowed.test:443"), "bad_name"},
      {Connect("user@allowed.test:443"), "malformed"},
      {"CONNECT allowed.test:443 HTTP/1.1\r\nHost : allowed.test:443\r\n\r\n", "malformed"},
      {Connect("127.0.0.1:22"), "no_name"},
      {Connect("[::1]:22"), "no_name"},
      {Connect("203.0.113.10:443"), "no_name"},
      {Connect("proxy.cove:3128"), "self"},
      {Connect("models.cove:443"), "port_not_allowed"},
      {"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n", "malformed"},
      {"GET https://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n", "malformed"},
      {"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", "no_rule"},
      {"GET http://allowed.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", "name_mismatch"},
  };
  size_t rows = 0;
  for (const auto& [bytes, reason] : cases) {
    const Talk talk = Http(bytes);
    EXPECT_THAT(talk.received, StartsWith("HTTP/1.1 4")) << bytes;
    EXPECT_THAT(talk.received, HasSubstr("\"reason\":\"" + reason + "\"")) << bytes;
    EXPECT_FALSE(talk.reset) << bytes;
    ASSERT_EQ(Rows().size(), ++rows) << bytes;
    EXPECT_EQ(Rows().back().reason, reason) << bytes;
  }
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(ProxyTest, AMalformedRequestIsToldWhatToDo) {
  const std::string https =
      Http("GET https://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n").received;
  EXPECT_THAT(https,
              HasSubstr("\"message\":\"What was sent is neither sound TLS nor sound HTTP.\""));
  EXPECT_THAT(https, HasSubstr("https:// goes through a proxy by CONNECT"));
  EXPECT_THAT(Rows().back().detail, HasSubstr("by CONNECT"));
  EXPECT_THAT(Http("GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n").received,
              HasSubstr("a proxy is asked for a whole URI"));
}

TEST_F(ProxyTest, SocksRefusesByItsOwnCodes) {
  EXPECT_EQ(Socks5(Socks("evil.test", 443)), SocksReplyOf(2));
  EXPECT_EQ(Socks5(Socks("evil.test\0.allowed.test"s, 443)), SocksReplyOf(8));
  EXPECT_EQ(Socks5(Socks("allowed.test\0.evil.test"s, 443)), SocksReplyOf(8));
  EXPECT_EQ(Socks5(Socks("allowed.test", 2222, 3)), SocksReplyOf(7));
  EXPECT_EQ(Socks5(Socks("allowed.test", 2222, 2)), SocksReplyOf(7));
  EXPECT_EQ(Socks5("\x05\x01\x02"s), "\x05\xff");
  EXPECT_EQ(Rows().size(), 6u);
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(ProxyTest, AnAddressIsOpenedByARuleOrAsAStandIn) {
  EXPECT_THAT(Http(Connect("203.0.113.20:2222") + "x").received, EndsWith("220 hello\r\nX"));
  EXPECT_TRUE(resolved_.empty());
  const std::string stand_in = StandIns::FirstChoice("allowed.test").ToString();
  EXPECT_THAT(Http(Connect(stand_in + ":2222") + "x").received, EndsWith("220 hello\r\nX"));
  EXPECT_EQ(resolved_, std::vector<std::string>{"allowed.test"});
}

TEST_F(ProxyTest, WhatIsSpokenInsideHasToAgreeWithTheName) {
  const Talk talk =
      Http(Connect("allowed.test:80") + "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", 80);
  EXPECT_THAT(talk.received, StartsWith(std::string(kOpened) + "HTTP/1.1 403"));
  EXPECT_THAT(talk.received, HasSubstr("name_mismatch"));
  const Talk opaque = Http(Connect("allowed.test:443") + "SSH-2.0-x\r\n", 443);
  EXPECT_EQ(opaque.received, kOpened);
  EXPECT_TRUE(opaque.reset);
  EXPECT_TRUE(resolved_.empty());
}

Task<void> Answer(http::Exchange& x) {
  (void)co_await x.Respond({200, {}}, std::string(x.request().Host()) + x.request().target);
}

Task<Talk> ProxyTwo(SocketAddress gateway, std::string bytes) {
  net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, 80)));
  http::Server server(Answer);
  async::TaskGroup group;
  group.Spawn([](http::Server* s, net::Listener* l) -> Task<void> { (void)co_await s->Serve(*l); }(
                                                        &server, &listener));
  co_return co_await Say(std::move(gateway), std::move(bytes), After::kKeepOpen);
}

TEST_F(ProxyTest, WholeUrisAreJudgedOneByOneOnOneConnection) {
  SetRules({"allowed.test:80", "second.test:80"});
  GoTo("proxy.cove", kHttpProxyPort);
  const Talk talk = loop_.RunUntil(ProxyTwo(
      tcp_,
      "GET http://allowed.test/a HTTP/1.1\r\nHost: allowed.test\r\nProxy-Connection: x\r\n\r\n"
      "GET http://second.test/b HTTP/1.1\r\nHost: second.test\r\n\r\n"
      "GET http://models.cove/openai/v1/m HTTP/1.1\r\nHost: models.cove\r\n\r\n"
      "GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n"));
  EXPECT_THAT(talk.received, HasSubstr("allowed.test/a"));
  EXPECT_THAT(talk.received, HasSubstr("second.test/b"));
  EXPECT_THAT(talk.received, HasSubstr("model for " + id_.value + "/openai/v1/m"));
  EXPECT_THAT(talk.received, HasSubstr("\"reason\":\"no_rule\""));
  EXPECT_EQ(resolved_, (std::vector<std::string>{"allowed.test", "second.test"}));
}

}  // namespace
}  // namespace cove::gateway
