// Goal: the limits of a rule hold for each sandbox: connections at once, bytes in all, requests in
// a time; and what fails refuses with a reason. Method: a gateway, rules with small limits, a
// server that echoes; a policy and an audit that are taken away.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "gateway/dialer.h"
#include "gateway/gateway_fake.h"
#include "gateway/hello_bytes.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LimitsTest : public GatewayTest {
 protected:
  void StartWith(std::string_view toml) {
    SetDocument(toml);
    Start();
    StartEcho(2222);
    StartWeb(80, std::string(1000, 'x'));
  }
  std::string Get(std::string_view path = "/") {
    GoTo("a.test", 80);
    const Stream stream = Dial();
    return Hear(stream, "GET " + std::string(path) + " HTTP/1.1\r\nHost: a.test\r\n\r\n");
  }
  std::string LastDenial() {
    std::string out;
    for (const auto& row : Rows()) {
      if (!row.allow) out = row.reason;
    }
    return out;
  }
};

constexpr std::string_view kHello = "SSH-2.0-x\r\n";

TEST_F(LimitsTest, ConnectionsAtOnceAreCountedByRule) {
  StartWith("allow=\"b.test:2222\"\n[[rule]]\nallow=\"a.test\"\nports=[2222]\nconnections=2");
  GoTo("a.test", 2222);
  Stream one = Dial();
  EXPECT_EQ(Hear(one, std::string(kHello)), kHello);
  const Stream two = Dial();
  EXPECT_EQ(Hear(two, std::string(kHello)), kHello);
  const Stream three = Dial();
  EXPECT_EQ(Hear(three, std::string(kHello)), "reset");
  EXPECT_EQ(LastDenial(), "limit");
  GoTo("b.test", 2222);
  EXPECT_EQ(Hear(Dial(), std::string(kHello)), kHello);
  GoTo("a.test", 2222);
  ASSERT_TRUE(loop_.RunUntil(one->CloseWrite()));
  EXPECT_EQ(Hear(one, ""), "end");
  EXPECT_EQ(Hear(Dial(), std::string(kHello)), kHello);
}

TEST_F(LimitsTest, OneConnectionTooManyIsToldSoWhereItSpeaksHttp) {
  deps_.limits.connections_per_sandbox_max = 1;
  StartWith("allow=[\"a.test\",\"a.test:2222\"]");
  GoTo("a.test", 2222);
  const Stream held = Dial();
  ASSERT_EQ(Hear(held, std::string(kHello)), kHello);
  const std::string refused = Get();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(refused, HasSubstr("\"reason\":\"limit\""));
  EXPECT_THAT(refused, HasSubstr("\"host\":\"a.test\""));
  GoTo("a.test", 2222);
  EXPECT_EQ(Hear(Dial(), std::string(kHello)), "reset");
  GoTo("proxy.cove", 3128);
  EXPECT_THAT(Hear(Dial(), "CONNECT a.test:2222 HTTP/1.1\r\nHost: a.test:2222\r\n\r\n"),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Hear(Dial(), "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
              HasSubstr("\"reason\":\"limit\""));
  GoTo("models.cove", 80);
  EXPECT_THAT(Hear(Dial(), "GET /x HTTP/1.1\r\nHost: models.cove\r\n\r\n"),
              HasSubstr("\"reason\":\"limit\""));
  EXPECT_EQ(LastDenial(), "limit");
  EXPECT_EQ(resolved_, std::vector<std::string>{"a.test"});
  ASSERT_TRUE(loop_.RunUntil(held->CloseWrite()));
  EXPECT_EQ(Hear(held), "end");
  EXPECT_THAT(Get(), HasSubstr("200 OK"));
}

TEST_F(LimitsTest, WhoIsTurnedAwayCannotStayOrComeInNumbers) {
  deps_.limits.connections_per_sandbox_max = 0;
  deps_.limits.turned_away_per_sandbox_max = 1;
  deps_.limits.turn_away_timeout = 100ms;
  StartWith("allow=\"a.test\"");
  GoTo("a.test", 80);
  const Stream slow = Dial();
  ASSERT_TRUE(loop_.RunUntil(slow->Write("GET / HT")));
  EXPECT_EQ(Hear(Dial(), ""), "reset");
  EXPECT_EQ(Hear(slow), "reset");
  EXPECT_EQ(Rows().size(), 1u);
  EXPECT_THAT(Get(), HasSubstr("\"reason\":\"limit\""));
}

TEST_F(LimitsTest, ATunnelIsCutWhenTheBytesAreUsedUp) {
  StartWith("[[rule]]\nallow=\"a.test\"\nports=[2222]\nbytes=3000");
  GoTo("a.test", 2222);
  const Stream stream = Dial();
  EXPECT_EQ(Hear(stream, std::string(kHello)), kHello);
  EXPECT_EQ(Hear(stream, std::string(1000, 'x')).size(), 1000u);
  EXPECT_EQ(Hear(stream, std::string(1000, 'x')), "reset");
  EXPECT_EQ(Rows().back().reason, "used_up");
  EXPECT_EQ(Hear(Dial(), std::string(kHello)), "reset");
  EXPECT_EQ(LastDenial(), "used_up");
}

Task<size_t> ReadToEnd(SocketStream* stream) {
  stream->set_read_timeout(3s);
  size_t all = 0;
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    const auto n = co_await stream->Read(buffer);
    if (!n || *n == 0) co_return all;
    all += *n;
  }
}

Task<void> SendAll(net::Listener* listener, size_t* sent) {
  auto fd = co_await listener->Accept();
  if (!fd) co_return;
  SocketStream stream(*std::move(fd));
  const std::string piece(256 * 1024, 'x');
  while (co_await stream.Write(piece)) *sent += piece.size();
}

TEST_F(LimitsTest, NotAByteMoreThanTheLimitPasses) {
  constexpr size_t kMost = 2'000'000;
  StartWith("[[rule]]\nallow=\"a.test\"\nports=[2223]\nbytes=\"2MB\"");
  size_t sent = 0;
  servers_.Spawn(SendAll(Listen(2223), &sent));
  GoTo("a.test", 2223);
  const Stream stream = Dial();
  const size_t got = loop_.RunUntil(ReadToEnd(stream.get()));
  EXPECT_LE(got, kMost);
  EXPECT_GT(sent, kMost);
  const auto closing = Rows().back();
  EXPECT_EQ(closing.reason, "used_up");
  EXPECT_EQ(closing.bytes_in, kMost);
}

TEST_F(LimitsTest, ADownloadIsCutAndTheNextRequestIsToldWhy) {
  StartWith("[[rule]]\nallow=\"a.test\"\nbytes=1500");
  EXPECT_THAT(Get(), HasSubstr("200 OK"));
  (void)Get();
  const std::string refused = Get();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(refused, HasSubstr("\"reason\":\"used_up\""));
}

TEST_F(LimitsTest, HeadsArePaidForLikeBodies) {
  StartWith("[[rule]]\nallow=\"a.test\"\nbytes=1000");
  GoTo("a.test", 80);
  const std::string refused = Hear(
      Dial(), "HEAD / HTTP/1.1\r\nHost: a.test\r\nX-Out: " + std::string(2000, 'x') + "\r\n\r\n");
  EXPECT_THAT(refused, HasSubstr("403 "));
  EXPECT_TRUE(resolved_.empty());
  EXPECT_THAT(Get(), HasSubstr("\"reason\":\"used_up\""));
}

TEST_F(LimitsTest, ConnectionsToServersAreCountedIdleOnesToo) {
  deps_.limits.connections_per_sandbox_max = 1;
  StartWith("allow=\"*.pkgs.test\"");
  GoTo("proxy.cove", 3128);
  const Stream client = Dial();
  const auto ask = [&](const std::string& host) {
    return Hear(client, "GET http://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  EXPECT_THAT(ask("a.pkgs.test"), HasSubstr("200 OK"));
  EXPECT_THAT(ask("b.pkgs.test"), HasSubstr("200 OK"));
  EXPECT_THAT(ask("a.pkgs.test"), HasSubstr("200 OK"));
  EXPECT_THAT(ask("c.pkgs.test"), HasSubstr("\"reason\":\"limit\""));
}

TEST_F(LimitsTest, AnIdleConnectionToAServerCountsByItsRuleUntilItIsInTheWay) {
  StartWith("[[rule]]\nallow=\"*.pkgs.test\"\nconnections=1");
  GoTo("proxy.cove", 3128);
  const auto ask = [&](const Stream& client, const std::string& host) {
    return Hear(client, "GET http://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  Stream client = Dial();
  EXPECT_THAT(ask(client, "a.pkgs.test"), HasSubstr("200 OK"));
  EXPECT_THAT(ask(client, "b.pkgs.test"), HasSubstr("200 OK"));
  EXPECT_THAT(ask(Dial(), "a.pkgs.test"), HasSubstr("\"reason\":\"limit\""));
  client.reset();
  WaitFor([&] { return gateway_->connections() == 0; });
  EXPECT_THAT(ask(Dial(), "a.pkgs.test"), HasSubstr("200 OK"));
}

TEST_F(LimitsTest, RequestsInATimeAreCountedOneByOne) {
  StartWith("[[rule]]\nallow=\"a.test\"\nrate=\"2/hour\"");
  GoTo("a.test", 80);
  const Stream stream = Dial();
  const std::string request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
  EXPECT_THAT(Hear(stream, request), HasSubstr("200 OK"));
  EXPECT_THAT(Get(), HasSubstr("200 OK"));
  const std::string refused = Get();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(refused, HasSubstr("\"reason\":\"too_fast\""));
  EXPECT_EQ(LastDenial(), "too_fast");
}

TEST_F(LimitsTest, ALimitOfACeilingHoldsToo) {
  StartWith("allow=\"a.test\"");
  const auto document = [](std::string_view toml) {
    return std::make_shared<policy::Document>(
        *policy::ParseToml(toml, "p", policy::Layer::kServer));
  };
  policy_ = policy::Policy::Make(
      {{policy::Layer::kServer, document("[[rule]]\nallow=\"a.test\"\nrate=\"1/hour\""),
        document("allow=\"a.test\"")}});
  EXPECT_THAT(Get(), HasSubstr("200 OK"));
  EXPECT_THAT(Get(), HasSubstr("too_fast"));
}

TEST_F(LimitsTest, RulesOfTheSameWordsCountAConnectionOnceEach) {
  constexpr std::string_view kTwo = "[[rule]]\nallow=\"a.test:2222\"\nconnections=2\n";
  StartWith(kTwo);
  const auto document = [](const std::string& toml) {
    return std::make_shared<policy::Document>(
        *policy::ParseToml(toml, "p", policy::Layer::kServer));
  };
  const std::string two(kTwo);
  policy_ = policy::Policy::Make({{policy::Layer::kServer, document(two), document(two + two)},
                                  {policy::Layer::kSandbox, document(two), nullptr}});
  GoTo("a.test", 2222);
  const Stream one = Dial();
  EXPECT_EQ(Hear(one, std::string(kHello)), kHello);
  const Stream two_at_once = Dial();
  EXPECT_EQ(Hear(two_at_once, std::string(kHello)), kHello);
  EXPECT_EQ(Hear(Dial(), std::string(kHello)), "reset");
  EXPECT_EQ(LastDenial(), "limit");
}

// Names that are asked for and not answered until the test says so.
struct SlowNames {
  size_t at_once = 0;
  size_t most = 0;
  std::vector<std::string> asked;
  async::Event answer;
};
Task<Result<std::vector<SocketAddress>>> ResolveSlowly(SlowNames* names, std::string host,
                                                       uint16_t port) {
  names->asked.push_back(std::move(host));
  names->most = std::max(names->most, ++names->at_once);
  co_await names->answer.Wait();
  --names->at_once;
  co_return std::vector<SocketAddress>{*SocketAddress::FromIp(kServerIp, port)};
}

TEST_F(LimitsTest, ASandboxHasFewNamesLookedUpAtATimeAndNoneOfItsNeighbours) {
  SlowNames names;
  StartWith("allow=\"*.pkgs.test:2222\"");
  gateway_.reset();
  deps_.limits.resolve_timeout = 500ms;
  deps_.resolver = [&names](std::string host, uint16_t port) {
    return ResolveSlowly(&names, std::move(host), port);
  };
  Start();
  GoToAddress("198.51.100.9", 2222);
  const auto ask = [&](int i) {
    Stream stream = Dial();
    const std::string hello = Hello("n" + std::to_string(i) + ".pkgs.test");
    EXPECT_TRUE(loop_.RunUntil(stream->Write(hello)));
    return stream;
  };
  std::vector<Stream> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(ask(i));
  WaitFor([&] { return names.asked.size() >= kResolvingMax; });
  // Nobody waits for them any more, and their threads are still held.
  WaitFor([&] { return gateway_->connections() == 0; });
  clients.push_back(ask(6));
  WaitFor([&] { return Rows().back().host == "n6.pkgs.test"; });
  EXPECT_EQ(names.asked.size(), kResolvingMax);
  AttachAnother(SandboxId("22222222-2222-4222-8222-222222222222"));
  const Stream neighbour = ask(7);
  WaitFor([&] { return names.asked.size() != kResolvingMax; });
  EXPECT_EQ(names.asked.back(), "n7.pkgs.test");
  names.answer.Set();
  EXPECT_EQ(Hear(neighbour), Hello("n7.pkgs.test"));
  EXPECT_EQ(names.most, kResolvingMax + 1);
}

TEST_F(LimitsTest, EachRequestIsOnRecordWhereTheRuleSaysSo) {
  StartWith("[[rule]]\nallow=\"a.test\"\nlog=\"requests\"");
  GoTo("a.test", 80);
  const Stream stream = Dial();
  for (const char* path : {"/1", "/2"}) {
    const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
    std::string got = Hear(stream, request);
    while (got.find("xxx") == std::string::npos) got += Hear(stream, "");
  }
  std::vector<std::string> paths;
  for (const auto& row : Rows()) {
    if (row.kind == audit::Kind::kDecision) paths.push_back(row.path);
  }
  EXPECT_EQ(paths, (std::vector<std::string>{"/1", "/2"}));
}

TEST_F(LimitsTest, APolicyThatCannotBeReadIsToldToWhoSpeaksHttp) {
  StartWith("allow=\"a.test\"");
  policy_ = nullptr;
  const std::string refused = Get();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("\"reason\":\"policy_unavailable\""));
  EXPECT_EQ(LastDenial(), "policy_unavailable");
  GoTo("a.test", 2222);
  EXPECT_EQ(Hear(Dial(), ""), "reset");
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(LimitsTest, AnAuditThatIsFullRefusesAndRecovers) {
  StartWith("allow=[\"a.test\",\"a.test:2222\"]");
  ASSERT_THAT(Get(), HasSubstr("200 OK"));
  (void)Rows();
  resolved_.clear();
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit tight = old;
  tight.rlim_cur = 1;
  setrlimit(RLIMIT_FSIZE, &tight);
  const std::string refused = Get();
  GoTo("a.test", 2222);
  const std::string reset = Hear(Dial(), std::string(kHello));
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("\"reason\":\"audit_unavailable\""));
  EXPECT_EQ(reset, "reset");
  EXPECT_TRUE(resolved_.empty());
  EXPECT_THAT(Get(), HasSubstr("200 OK"));
}

}  // namespace
}  // namespace cove::gateway
