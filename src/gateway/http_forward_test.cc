// Goal: of a plain HTTP connection every request is judged by its own Host, what is allowed arrives
// unchanged, and a refusal says why. Method: the gateway of gateway_fake.h in front of our own HTTP
// server, with requests written byte by byte.
#include <gmock/gmock.h>

#include "gateway/gateway_fake.h"
#include "gateway/proxy.h"
#include "http/websocket.h"
#include "json/json.h"

namespace cove::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Upstream {
  std::vector<http::RequestHead> heads;
  std::vector<std::string> bodies;
};

Task<void> AnswerUpstream(http::Exchange& exchange, Upstream* seen) {
  seen->heads.push_back(exchange.request());
  auto body = co_await http::ReadAll(exchange.body(), 64 << 20);
  seen->bodies.push_back(body ? *body : "(broken)");
  if (exchange.request().target == "/stream") {
    auto writer = co_await exchange.StartResponse({});
    for (int i = 0; writer && i < 3; ++i) (void)co_await (*writer)->Write("part\n");
    if (writer) (void)co_await (*writer)->Finish();
    co_return;
  }
  http::ResponseHead head;
  head.headers.Add("X-Upstream", "yes");
  (void)co_await exchange.Respond(std::move(head), "you asked " + exchange.request().target);
}

Task<void> ServeUpstream(http::Server& server, net::Listener& listener) {
  (void)co_await server.Serve(listener);
}

Task<Talk> Through(SocketAddress gateway, std::string bytes, Upstream* seen) {
  http::Server server([seen](http::Exchange& exchange) { return AnswerUpstream(exchange, seen); });
  net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, 80)));
  async::TaskGroup group;
  group.Spawn(ServeUpstream(server, listener));
  co_return co_await Say(std::move(gateway), std::move(bytes), After::kKeepOpen);
}

class HttpForwardTest : public GatewayTest {
 protected:
  std::string Send(std::string bytes) {
    talk_ = loop_.RunUntil(Through(tcp_, std::move(bytes), &seen_));
    return talk_.received;
  }
  static std::string Get(std::string host, std::string target, std::string more = {}) {
    return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n";
  }
  static constexpr char kClose[] = "Connection: close\r\n";
  Upstream seen_;
  Talk talk_;
};

TEST_F(HttpForwardTest, AnAllowedRequestArrivesAndItsAnswerComesBack) {
  Start();
  GoTo("allowed.test", 80);
  const std::string answer =
      Send(Get("Allowed.test", "/a?b=c",
               "X-Forwarded-For: 1.2.3.4\r\nAccept: text/x\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("X-Upstream: yes"));
  EXPECT_THAT(answer, EndsWith("you asked /a?b=c"));
  ASSERT_EQ(seen_.heads.size(), 1u);
  EXPECT_EQ(seen_.heads[0].Host(), "allowed.test");
  EXPECT_EQ(*seen_.heads[0].headers.Get("accept"), "text/x");
  EXPECT_FALSE(seen_.heads[0].headers.Has("x-forwarded-for"));
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].channel, "http");
  EXPECT_TRUE(rows[0].allow);
  EXPECT_EQ(rows[1].requests, 1u);
  EXPECT_EQ(rows[1].address, kServerIp);
  EXPECT_EQ(rows[1].bytes_in, answer.size());
}

TEST_F(HttpForwardTest, ADeniedHostGetsAReasonAndTheConnectionCloses) {
  Start();
  GoToAddress("198.51.100.9", 80);
  const std::string answer = Send(Get("evil.test", "/") + Get("allowed.test", "/"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr(R"("reason":"no_rule")"));
  EXPECT_THAT(answer, HasSubstr(R"("host":"evil.test")"));
  EXPECT_THAT(answer, Not(HasSubstr("200 OK")));
  EXPECT_TRUE(seen_.heads.empty());
  EXPECT_TRUE(resolved_.empty());
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].reason, "no_rule");
  EXPECT_FALSE(rows[0].allow);
}

TEST_F(HttpForwardTest, AnUnsoundRequestGetsAReasonThatProgramsRead) {
  Start();
  GoTo("allowed.test", 80);
  const std::string chunked = "POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked";
  const std::pair<std::string, std::string> cases[] = {
      {"GET  / HTTP/1.1\r\nHost: allowed.test\r\n\r\n", "malformed"},
      {"GET / HTTP/1.1\r\nHost: allowed.test\r\nA: b\r\n folded\r\n\r\n", "malformed"},
      {"GET / HTTP/1.1\r\nHost : allowed.test\r\n\r\n", "malformed"},
      {chunked + "\r\nContent-Length: 3\r\n\r\nabc", "malformed"},
      {chunked + "\r\n\r\nzz\r\n", "malformed"},
      {"GET / HTTP/1.1\r\nHost: allowed.test\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n",
       "limit"},
      {"GET / HTTP/1.1\r\nHost: allowed.test\r\nHost: b.test\r\n\r\n", "malformed"},
      {"GET / HTTP/1.1\r\nHost: a_b.test\r\n\r\n", "bad_name"},
  };
  for (const auto& [bytes, reason] : cases) {
    const std::string answer = Send(bytes);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 4")) << bytes.substr(0, 80);
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n")) << bytes.substr(0, 80);
    const auto body =
        json::ParseObject(std::string_view(answer).substr(answer.find("\r\n\r\n") + 4));
    ASSERT_TRUE(body) << answer;
    EXPECT_EQ(json::GetString(*body, "error"), "egress_denied");
    EXPECT_EQ(json::GetString(*body, "reason"), reason) << bytes.substr(0, 80);
    EXPECT_EQ(Rows().back().reason, reason) << bytes.substr(0, 80);
  }
  for (const std::string& body : seen_.bodies) EXPECT_EQ(body, "(broken)");
}

TEST_F(HttpForwardTest, ASecondRequestOnTheSameConnectionIsJudgedByItself) {
  SetRules({"allowed.test:80", "second.test:80"});
  Start();
  GoToAddress("198.51.100.9", 80);
  const std::string answer = Send(Get("allowed.test", "/1") + Get("allowed.test", "/2") +
                                  Get("second.test", "/3") + Get("evil.test", "/4"));
  EXPECT_THAT(answer, HasSubstr("you asked /1"));
  EXPECT_THAT(answer, HasSubstr("you asked /2"));
  EXPECT_THAT(answer, HasSubstr("you asked /3"));
  EXPECT_THAT(answer, HasSubstr(R"("reason":"no_rule")"));
  EXPECT_EQ(seen_.heads.size(), 3u);
  EXPECT_EQ(resolved_, (std::vector<std::string>{"allowed.test", "second.test"}));
  size_t allowed = 0;
  for (const auto& row : Rows()) allowed += row.kind == audit::Kind::kDecision && row.allow;
  EXPECT_EQ(allowed, 2u);
}

TEST_F(HttpForwardTest, RulesAboutRequestsHoldForEachOne) {
  SetDocument("[[rule]]\nallow=\"allowed.test\"\nmethods=[\"GET\"]\npaths=[\"/org/**\"]\n");
  Start();
  GoTo("allowed.test", 80);
  const std::string answer =
      Send(Get("allowed.test", "/org/1") + Get("allowed.test", "/org/2?token=s3cret") +
           Get("allowed.test", "/org/%2e%2e/other?token=s3cret"));
  EXPECT_THAT(answer, HasSubstr("you asked /org/1"));
  EXPECT_THAT(answer, HasSubstr("you asked /org/2?token=s3cret"));
  EXPECT_THAT(answer, HasSubstr(R"("reason":"bad_path")"));
  EXPECT_EQ(seen_.heads.size(), 2u);
  std::vector<std::string> decided;
  for (const auto& row : Rows()) {
    if (row.kind == audit::Kind::kDecision) decided.push_back(row.method + " " + row.path);
  }
  // One decision a request, with what was asked and without what may be secret.
  EXPECT_EQ(decided,
            (std::vector<std::string>{"GET /org/1", "GET /org/2", "GET /org/%2e%2e/other"}));
}

TEST_F(HttpForwardTest, AMethodThatNoRuleNamesIsRefused) {
  SetDocument("[[rule]]\nallow=\"allowed.test\"\nmethods=[\"GET\"]\n");
  Start();
  GoTo("allowed.test", 80);
  const std::string answer =
      Send("DELETE /x HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr(R"("reason":"request_not_allowed")"));
  EXPECT_TRUE(seen_.heads.empty());
}

TEST_F(HttpForwardTest, TheLookedUpNameBindsTheHost) {
  SetRules({"allowed.test:80", "second.test:80"});
  Start();
  GoTo("allowed.test", 80);
  EXPECT_THAT(Send(Get("second.test", "/")), HasSubstr(R"("reason":"name_mismatch")"));
  EXPECT_THAT(Send(Get("allowed.test:81", "/")), HasSubstr(R"("reason":"port_mismatch")"));
  EXPECT_TRUE(seen_.heads.empty());
}

TEST_F(HttpForwardTest, BodiesStreamBothWays) {
  Start();
  GoTo("allowed.test", 80);
  std::string chunks;
  std::string body;
  for (int i = 0; i < 200; ++i) {
    const std::string piece(1000 + i, static_cast<char>('a' + i % 26));
    char size[16];
    snprintf(size, sizeof size, "%zx\r\n", piece.size());
    chunks += size + piece + "\r\n";
    body += piece;
  }
  const std::string answer = Send(
      "POST /stream HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n" +
      chunks + "0\r\n\r\n");
  ASSERT_EQ(seen_.bodies.size(), 1u);
  EXPECT_EQ(seen_.bodies[0], body);
  EXPECT_THAT(answer, HasSubstr("part\n"));
  EXPECT_THAT(answer, EndsWith("0\r\n\r\n"));
}

TEST_F(HttpForwardTest, MalformedRequestsGoNowhere) {
  Start();
  GoTo("allowed.test", 80);
  for (const std::string& bad :
       {std::string("GET / HTTP/1.1\r\nHost: allowed.test\r\nHost: evil.test\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("GET http://evil.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n"),
        std::string("CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 3\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")}) {
    EXPECT_THAT(Send(bad), StartsWith("HTTP/1.1 4")) << bad;
  }
  EXPECT_TRUE(seen_.heads.empty());
}

TEST_F(HttpForwardTest, TheModelGatewayAnswersItsNameWithoutAnyRule) {
  SetRules({});
  Start();
  GoTo(std::string(kModelHost), 80);
  EXPECT_THAT(Send(Get("models.cove", "/openai/v1/models", kClose)),
              EndsWith("model for " + id_.value + "/openai/v1/models"));
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].channel, "model");
  EXPECT_EQ(rows[0].reason, "model_gateway");
  EXPECT_EQ(rows[1].requests, 1u);
  GoTo(std::string(kModelHost), 443);
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, "x", After::kKeepOpen)).reset);
}

TEST_F(HttpForwardTest, FailuresUpstreamAreToldApart) {
  Start();
  GoTo("allowed.test", 80);
  answers_ = {"127.0.0.1"};
  EXPECT_THAT(Send(Get("allowed.test", "/", kClose)),
              HasSubstr(R"("reason":"address_not_public")"));
  EXPECT_EQ(Rows().back().reason, "address_not_public");
  answers_ = {};
  const std::string answer = Send(Get("allowed.test", "/", kClose));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(answer, HasSubstr(R"("reason":"resolve_failed")"));
  EXPECT_TRUE(seen_.heads.empty());
}

// To the key that the sandboxes here send.
constexpr std::string_view kAccept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
constexpr std::string_view kAcceptWhatCame = "";

std::string KeyIn(std::string_view head) {
  constexpr std::string_view kName = "Sec-WebSocket-Key: ";
  const size_t at = head.find(kName) + kName.size();
  return std::string(head.substr(at, head.find('\r', at) - at));
}

Task<void> WebSocketUpstream(net::Listener* listener, std::string accept, std::string* got) {
  SocketStream stream(*co_await listener->Accept());
  std::vector<char> buffer(4096);
  while (got->find("\r\n\r\n") == std::string::npos) {
    const auto n = co_await stream.Read(buffer);
    if (!n || *n == 0) co_return;
    got->append(buffer.data(), *n);
  }
  if (accept == kAcceptWhatCame) {
    accept = "Sec-WebSocket-Accept: " + http::AcceptKey(KeyIn(*got)) + "\r\n";
  }
  (void)co_await stream.Write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + accept +
      "\r\nfrom upstream");
  for (;;) {
    const auto n = co_await stream.Read(buffer);
    if (!n || *n == 0) break;
    got->append(buffer.data(), *n);
  }
  (void)co_await stream.CloseWrite();
}

Task<Talk> ThroughWebSocket(SocketAddress gateway, std::string bytes, std::string* got,
                            std::string accept = std::string(kAcceptWhatCame)) {
  net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, 80)));
  async::TaskGroup group;
  group.Spawn(WebSocketUpstream(&listener, std::move(accept), got));
  Talk talk = co_await Say(std::move(gateway), std::move(bytes), After::kHalfClose);
  co_await group.Join();
  co_return talk;
}

TEST_F(HttpForwardTest, AWebSocketBecomesATunnel) {
  Start();
  GoTo("allowed.test", 80);
  std::string got;
  const Talk talk = loop_.RunUntil(ThroughWebSocket(
      tcp_,
      Get("allowed.test", "/ws",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") +
          "from client",
      &got));
  EXPECT_THAT(talk.received, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(talk.received, EndsWith("from upstream"));
  EXPECT_THAT(got, EndsWith("\r\n\r\nfrom client"));
  EXPECT_THAT(talk.received, HasSubstr(kAccept)) << "what the client's own key makes of it";
  EXPECT_EQ(KeyIn(got).size(), 24u);
  EXPECT_NE(KeyIn(got), "dGhlIHNhbXBsZSBub25jZQ==");
}

// A path that a rule allows may be one whose answer somebody inside decides.
TEST_F(HttpForwardTest, A101ThatDoesNotProveAWebSocketOpensNoTunnel) {
  Start();
  const std::string asks =
      Get("allowed.test", "/status/101",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") +
      "GET /forbidden HTTP/1.1\r\nHost: allowed.test\r\n\r\n";
  // The last is the right one for the key that the sandbox chose, and could have put anywhere.
  for (const std::string& accept :
       {std::string("X-None: x\r\n"), std::string("Sec-WebSocket-Accept: x\r\n"),
        std::string(kAccept)}) {
    GoTo("allowed.test", 80);
    std::string got;
    const Talk talk = loop_.RunUntil(ThroughWebSocket(tcp_, asks, &got, accept));
    EXPECT_THAT(talk.received, StartsWith("HTTP/1.1 502 "));
    EXPECT_THAT(talk.received, HasSubstr(R"("reason":"broken")"));
    EXPECT_THAT(got, Not(HasSubstr("forbidden")));
    EXPECT_EQ(Rows().back().detail, "a 101 that is no WebSocket's answer");
  }
}

TEST_F(HttpForwardTest, WhatIsNoWholeWebSocketRequestIsSentWithoutItsUpgrade) {
  Start();
  for (const std::string fields :
       {"Sec-WebSocket-Version: 777\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Sec-WebSocket-Version: 13\r\n"}) {
    GoTo("allowed.test", 80);
    Send(Get("allowed.test", "/ws",
             "Connection: Upgrade, close\r\nUpgrade: websocket\r\n" + fields));
    ASSERT_FALSE(seen_.heads.empty());
    EXPECT_FALSE(seen_.heads.back().headers.Has("upgrade")) << fields;
  }
}

TEST_F(HttpForwardTest, ARequestOnAnOlderConnectionIsOnRecordWithItsAddress) {
  SetRules({"a.test:80", "b.test:80"});
  Start();
  StartWeb(80);
  constexpr char kOther[] = "203.0.113.21";
  net::Listener other(*net::ListenTcp(*SocketAddress::FromIp(kOther, 80)));
  servers_.Spawn(AnswerAll(&other, "other"));
  GoTo("proxy.cove", kHttpProxyPort);
  {
    const Stream client = Dial();
    const auto ask = [&](const std::string& host) {
      return Hear(client, "GET http://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    };
    EXPECT_THAT(ask("a.test"), EndsWith("served"));
    answers_ = {kOther};
    EXPECT_THAT(ask("b.test"), EndsWith("other"));
    EXPECT_THAT(ask("a.test"), EndsWith("served"));
  }
  WaitFor([&] { return gateway_->connections() == 0; });
  std::vector<std::string> closings;
  for (const audit::Record& row : Rows()) {
    if (row.kind == audit::Kind::kClose) closings.push_back(row.host + " " + row.address);
  }
  EXPECT_EQ(closings, (std::vector<std::string>{"a.test 203.0.113.20", "b.test 203.0.113.21",
                                                "a.test 203.0.113.20"}));
  servers_.Clear();
}

}  // namespace
}  // namespace cove::gateway
