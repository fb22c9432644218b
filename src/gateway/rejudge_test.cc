// Goal: a change of policy reaches what is established at once: a flow that would not be allowed
// any more is cut, one that still would be goes on. Method: two tunnels and a download through one
// gateway, then another policy; nothing here waits for a timer.
#include <gmock/gmock.h>

#include "gateway/gateway_fake.h"
#include "gateway/hello_bytes.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;

class RejudgeTest : public GatewayTest {
 protected:
  void Change(std::string_view toml) {
    SetDocument(toml);
    gateway_->PolicyChanged(id_);
  }
  std::vector<std::string> ClosingReasons() {
    std::vector<std::string> out;
    for (const auto& row : Rows()) {
      if (row.kind == audit::Kind::kClose) out.push_back(row.host + " " + row.reason);
    }
    return out;
  }
};

constexpr std::string_view kBoth = "allow=[\"gone.test:2222\",\"stays.test:2222\"]";

TEST_F(RejudgeTest, ATunnelThatIsNotAllowedAnyMoreIsCutAndAnotherGoesOn) {
  SetDocument(kBoth);
  Start();
  StartEcho(2222);
  GoTo("gone.test", 2222);
  const Stream gone = Dial();
  ASSERT_EQ(Hear(gone, "SSH-2.0-a\r\n"), "SSH-2.0-a\r\n");
  GoTo("stays.test", 2222);
  const Stream stays = Dial();
  ASSERT_EQ(Hear(stays, "SSH-2.0-b\r\n"), "SSH-2.0-b\r\n");

  Change("allow=\"**.stays.test:2222\"");
  EXPECT_EQ(Hear(gone), "reset");
  EXPECT_EQ(Hear(stays, "more"), "more");
  EXPECT_EQ(ClosingReasons(), std::vector<std::string>{"gone.test revoked"});
  Change("[[rule]]\nallow=\"stays.test:2222\"\ninspect=true");
  EXPECT_EQ(Hear(stays), "reset");
}

TEST_F(RejudgeTest, APolicyThatCannotBeReadCutsToo) {
  SetDocument(kBoth);
  Start();
  StartEcho(2222);
  GoTo("gone.test", 2222);
  const Stream gone = Dial();
  ASSERT_EQ(Hear(gone, "SSH-2.0-a\r\n"), "SSH-2.0-a\r\n");
  policy_ = nullptr;
  gateway_->PolicyChanged(id_);
  EXPECT_EQ(Hear(gone), "reset");
}

TEST_F(RejudgeTest, AnAddressThatIsDeniedNowIsLeftByTunnelsAndIdleConnections) {
  SetDocument("allow=[\"a.test:2222\",\"a.test\"]");
  Start();
  StartEcho(2222);
  StartWeb(80);
  GoTo("a.test", 2222);
  const Stream tunnel = Dial();
  ASSERT_EQ(Hear(tunnel, "SSH-2.0-a\r\n"), "SSH-2.0-a\r\n");
  GoTo("a.test", 80);
  const Stream web = Dial();
  ASSERT_THAT(Hear(web, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"), HasSubstr("served"));
  Change("allow=[\"a.test:2222\",\"a.test\"]\ndeny=\"198.51.100.0/24:*\"");
  EXPECT_EQ(Hear(tunnel, "more"), "more");
  Change("allow=[\"a.test:2222\",\"a.test\"]\ndeny=\"203.0.113.0/24:*\"");
  EXPECT_EQ(Hear(tunnel), "reset");
  EXPECT_EQ(Hear(web), "reset");
}

TEST_F(RejudgeTest, WhatIsSaidLateIsJudgedByWhatHoldsThen) {
  SetDocument("allow=[\"a.test:443\",\"a.test:2222\"]");
  Start();
  StartEcho(443);
  GoTo("a.test", 443);
  const Stream early = Dial();
  ASSERT_TRUE(loop_.RunUntil(early->Write(Hello("a.test").substr(0, 20))));
  while (gateway_->connections() == 0) loop_.RunUntil(Pause(1ms));
  Change("allow=\"b.test\"");
  ASSERT_TRUE(loop_.RunUntil(early->Write(Hello("a.test").substr(20))));
  EXPECT_EQ(Hear(early), "reset");
  EXPECT_EQ(Rows().back().reason, "no_rule");
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(RejudgeTest, ARequestIsNotSentToAnAddressThatWasDeniedWhileItWasLookedUp) {
  SetDocument("allow=\"a.test\"");
  async::Event answered;
  deps_.resolver = [&](std::string host,
                       uint16_t port) -> Task<Result<std::vector<SocketAddress>>> {
    auto out = co_await Resolve(this, std::move(host), port);
    co_await answered.Wait();
    co_return out;
  };
  Start();
  StartWeb(80);
  GoTo("a.test", 80);
  const Stream client = Dial();
  ASSERT_TRUE(loop_.RunUntil(client->Write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")));
  while (resolved_.empty()) loop_.RunUntil(Pause(1ms));
  Change("allow=\"a.test\"\ndeny=\"203.0.113.0/24:*\"");
  answered.Set();
  EXPECT_THAT(Hear(client), HasSubstr("revoked"));
}

TEST_F(RejudgeTest, WhatAQuietClientSaysAfterTheRuleIsGoneIsNotSent) {
  deps_.limits.hello_timeout = 60s;
  SetDocument("allow=\"a.test:2222\"");
  Start();
  StartEcho(2222);
  GoTo("a.test", 2222);
  const Stream quiet = Dial();
  while (resolved_.empty()) loop_.RunUntil(Pause(1ms));
  // Could become HTTP, so more is waited for.
  ASSERT_TRUE(loop_.RunUntil(quiet->Write("GE")));
  loop_.RunUntil(Pause(50ms));
  Change("allow=\"b.test:2222\"");
  (void)loop_.RunUntil(quiet->Write("NUINELY OPAQUE\r\n"));
  EXPECT_EQ(Hear(quiet), "reset");
  EXPECT_EQ(ClosingReasons(), std::vector<std::string>{"a.test revoked"});
  EXPECT_EQ(Rows().back().bytes_out, 0U);
}

TEST_F(RejudgeTest, AFlowThatHoldsNotTheLimitOfItsRuleIsCut) {
  SetDocument("allow=[\"a.test:2222\",\"a.test\"]");
  Start();
  StartEcho(2222);
  StartWeb(80);
  const auto tunnel = [this] {
    GoTo("a.test", 2222);
    Stream out = Dial();
    EXPECT_EQ(Hear(out, "SSH-2.0-a\r\n"), "SSH-2.0-a\r\n");
    return out;
  };
  const Stream unlimited = tunnel();
  GoTo("a.test", 80);
  const Stream web = Dial();
  const std::string get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
  ASSERT_THAT(Hear(web, get), HasSubstr("served"));
  Change(
      "[[rule]]\nallow=\"a.test:2222\"\nbytes=\"1MB\"\n[[rule]]\nallow=\"a.test\"\nrate=\"9/"
      "minute\"");
  EXPECT_EQ(Hear(unlimited), "reset");
  EXPECT_EQ(Hear(web), "reset");
  const Stream limited = tunnel();
  Change("[[rule]]\nallow=\"a.test:2222\"\nbytes=\"1MB\"");
  EXPECT_EQ(Hear(limited, "more"), "more");
  Change("allow=\"a.test:2222\"");
  EXPECT_EQ(Hear(limited, "more"), "more") << "what it holds is more than is asked for";
}

// Sends the head of an answer whose body never ends.
Task<void> Drip(net::Listener* listener) {
  auto fd = co_await listener->Accept();
  if (!fd) co_return;
  SocketStream stream(*std::move(fd));
  std::vector<char> buffer(4096);
  (void)co_await stream.Read(buffer);
  (void)co_await stream.Write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst");
  (void)co_await stream.Read(buffer);
}

Task<std::string> ReadUntil(SocketStream* stream, std::string_view end) {
  std::string out;
  while (!out.ends_with(end)) {
    const std::string more = co_await AskStream(stream, "");
    out += more;
    if (more == "reset" || more == "end") break;
  }
  co_return out;
}

TEST_F(RejudgeTest, ADownloadIsJudgedByItsRequestAgain) {
  SetDocument("[[rule]]\nallow=\"files.test\"\npaths=[\"/a/**\"]");
  Start();
  servers_.Spawn(Drip(Listen(80)));
  GoTo("files.test", 80);
  const Stream client = Dial();
  ASSERT_TRUE(loop_.RunUntil(client->Write("GET /a/x HTTP/1.1\r\nHost: files.test\r\n\r\n")));
  ASSERT_THAT(loop_.RunUntil(ReadUntil(client.get(), "first")), HasSubstr("200 OK"));
  Change("[[rule]]\nallow=\"files.test\"\npaths=[\"/a/**\",\"/b/**\"]");
  Change("[[rule]]\nallow=\"files.test\"\npaths=[\"/b/**\"]");
  EXPECT_EQ(Hear(client), "reset");
  EXPECT_EQ(ClosingReasons(), std::vector<std::string>{"files.test revoked"});
}

}  // namespace
}  // namespace cove::gateway
