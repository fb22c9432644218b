// Goal: inside TLS that the gateway opened, HTTP/2 on either side is judged and recorded stream by
// stream like HTTP/1, in every combination of versions, unbuffered, with trailers and WebSockets.
// Method: the gateway of inspect_fake.h between our own client and server, whose ALPN each test
// sets. Hostile frames are http/http2_attack_test.cc's.
#include <gmock/gmock.h>

#include "gateway/inspect_fake.h"
#include "http/client.h"
#include "http/websocket.h"

namespace cove::gateway {
namespace {

using net::Alpn;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct World {
  async::Event go;  // lets "/steps" send its second piece
  std::vector<http::RequestHead> seen;
};

Task<void> Steps(World* world, http::Exchange& x) {
  auto writer = co_await x.StartResponse({200, {{"Content-Type", "text/event-stream"}}});
  if (!writer) co_return;
  (void)co_await (*writer)->Write("data: one\n\n");
  co_await world->go.Wait();
  (void)co_await (*writer)->Write("data: two\n\n");
  (void)co_await (*writer)->FinishWith({{"grpc-status", "0"}, {"set-cookie", "no=1"}});
}

Task<void> EchoSocket(http::Exchange& x) {
  auto session = co_await http::AcceptWebSocket(x, "");
  if (!session) co_return;
  for (;;) {
    auto message = co_await (*session)->Receive();
    if (!message || !co_await (*session)->SendText("echo " + message->data)) co_return;
  }
}

Task<void> Handle(World* world, http::Exchange& x) {
  world->seen.push_back(x.request());
  if (x.request().target == "/steps") co_return co_await Steps(world, x);
  if (x.request().target == "/socket") co_return co_await EchoSocket(x);
  auto body = co_await http::ReadAll(x.body(), 10 << 20);
  if (!body) co_return;
  std::string version = x.multiplexed() ? "h2 " : "h1 ";
  const http::Headers* trailers = x.body().trailers();
  if (trailers != nullptr && trailers->Has("x-sum")) version += "sum ";
  (void)co_await x.Respond({200, {}}, version + x.request().method + " " +
                                          std::string(x.request().Host()) + x.request().target +
                                          " " + std::to_string(body->size()));
}

Task<void> ServeOne(http::Server* server, UniqueFd fd, std::shared_ptr<net::TlsContext> context,
                    Alpn alpn) {
  auto tls = co_await net::TlsAccept(
      std::move(context), std::make_unique<SocketStream>(std::move(fd)), Now() + 2s, alpn);
  if (tls) co_await server->ServeConnection(*std::move(tls), "test");
}

Task<void> ServeAll(http::Server* server, net::Listener* listener,
                    std::shared_ptr<net::TlsContext> context, const Alpn* alpn) {
  async::TaskGroup group;
  for (;;) {
    auto fd = co_await listener->Accept();
    if (!fd) co_return;
    group.Spawn(ServeOne(server, *std::move(fd), context, *alpn));
  }
}

struct Reply {
  int status = 0;
  std::string body;
  http::Headers trailers;
};

// What comes back, up to `last` of it.
Task<std::string> AskUntil(net::ByteStream* stream, std::string bytes, std::string_view last) {
  stream->set_read_timeout(3s);
  (void)co_await stream->Write(bytes);
  std::string received;
  std::vector<char> buffer(4096);
  while (received.find(last) == std::string::npos) {
    const auto n = co_await stream->Read(buffer);
    if (!n || *n == 0) break;
    received.append(buffer.data(), *n);
  }
  co_return received;
}

class InspectHttp2Test : public OpenedTlsTest {
 protected:
  void SetUp() override {
    OpenedTlsTest::SetUp();
    if (HasFatalFailure()) return;
    servers_.Spawn(ServeAll(&server_, Listen(443), server_tls_, &server_alpn_));
    SetDocument("[[rule]]\nallow=[\"allowed.test\",\"second.test\"]\ninspect=true\n");
    Start();
    GoTo("allowed.test", 443);
    Speak(Alpn::kHttp2OrHttp1);
  }
  void TearDown() override {
    client_.reset();
    OpenedTlsTest::TearDown();
  }
  // What the client offers from now on.
  void Speak(Alpn alpn) {
    client_alpn_ = alpn;
    http::ClientLimits limits;
    if (alpn == Alpn::kHttp2OrHttp1) limits.http2 = http::ClientLimits::Http2::kIfOffered;
    client_ = std::make_unique<http::Client>(resolver_pool_, nullptr, limits);
    client_->set_dialer([this](http::Url, TimePoint) { return Dial(tcp_, trust_, client_alpn_); });
  }
  // The name in the hello is always this one: what the request says may differ.
  static Task<Result<net::StreamPtr>> Dial(SocketAddress gateway,
                                           std::shared_ptr<net::TlsContext> trust, Alpn alpn) {
    CO_ASSIGN_OR_RETURN(auto socket, co_await net::Connect(gateway, Now() + 2s));
    co_return co_await net::TlsConnect(std::move(trust), std::move(socket), "allowed.test",
                                       Now() + 2s, alpn);
  }
  static http::ClientRequest Request(std::string method, std::string_view target) {
    http::ClientRequest request;
    request.method = std::move(method);
    request.url = *http::Url::Parse("https://allowed.test" + std::string(target));
    request.head_deadline = Now() + 3s;
    return request;
  }
  static Task<Result<Reply>> Send(http::Client* client, http::ClientRequest request) {
    CO_ASSIGN_OR_RETURN(auto response, co_await client->Send(std::move(request)));
    Reply out;
    out.status = response->head().status;
    CO_ASSIGN_OR_RETURN(out.body, co_await http::ReadAll(response->body(), 10 << 20));
    if (response->body().trailers() != nullptr) out.trailers = *response->body().trailers();
    co_return out;
  }
  Reply Ask(http::ClientRequest request) {
    auto got = loop_.RunUntil(Send(client_.get(), std::move(request)));
    EXPECT_TRUE(got) << got.error().message();
    return got ? *std::move(got) : Reply{};
  }

  World world_;
  Alpn server_alpn_ = Alpn::kHttp2OrHttp1;
  Alpn client_alpn_ = Alpn::kHttp1;
  http::Server server_{[this](http::Exchange& x) { return Handle(&world_, x); }};
  std::unique_ptr<http::Client> client_;
};

TEST_F(InspectHttp2Test, EachStreamIsADecisionOfItsOwn) {
  EXPECT_EQ(Ask(Request("GET", "/a?secret")).body, "h2 GET allowed.test/a?secret 0");
  auto post = Request("POST", "/b");
  post.body = std::string(300'000, 'x');
  EXPECT_EQ(Ask(std::move(post)).body, "h2 POST allowed.test/b 300000");
  std::vector<std::string> rows;
  for (const auto& row : Rows()) {
    rows.push_back((row.kind == audit::Kind::kDecision ? row.method + row.path : "close ") +
                   row.address);
    if (rows.size() == 4) EXPECT_EQ(row.bytes_out / 1000, 300u);
  }
  EXPECT_THAT(rows, ElementsAre("GET/a", "close 203.0.113.20", "POST/b", "close 203.0.113.20"));
  EXPECT_EQ(resolved_.size(), 1u);
}

// A body whose length nobody tells.
class Piece final : public http::BodyReader {
 public:
  Task<Result<size_t>> Read(std::span<char> buffer) override {
    if (left_-- <= 0) co_return size_t{0};
    buffer[0] = 'p';
    co_return size_t{1};
  }
  std::optional<uint64_t> length() const override { return std::nullopt; }
  const http::Headers* trailers() const override { return &trailers_; }

 private:
  int left_ = 2;
  http::Headers trailers_{{"x-sum", "1"}, {"host", "evil.test"}};
};

TEST_F(InspectHttp2Test, EveryCombinationOfVersionsWorks) {
  server_alpn_ = Alpn::kHttp1;
  auto request = Request("POST", "/one");
  Piece down;
  request.stream = &down;
  EXPECT_EQ(Ask(std::move(request)).body, "h1 POST allowed.test/one 2");
  EXPECT_EQ(world_.seen.back().headers.Get("transfer-encoding"), "chunked");

  Speak(Alpn::kHttp1);
  server_alpn_ = Alpn::kHttp2OrHttp1;
  request = Request("POST", "/two");
  Piece up;
  request.stream = &up;
  EXPECT_EQ(Ask(std::move(request)).body, "h2 POST allowed.test/two 2");
  EXPECT_EQ(Ask(Request("HEAD", "/three")).body, "");

  server_alpn_ = Alpn::kHttp1;
  Speak(Alpn::kHttp1);
  EXPECT_EQ(Ask(Request("GET", "/four")).body, "h1 GET allowed.test/four 0");
}

TEST_F(InspectHttp2Test, TrailersTravelBothWaysAndOnlyHarmlessOnes) {
  auto request = Request("POST", "/grpc");
  Piece piece;
  request.stream = &piece;
  request.accepts_trailers = true;
  EXPECT_EQ(Ask(std::move(request)).body, "h2 sum POST allowed.test/grpc 2");
  EXPECT_EQ(world_.seen.back().headers.Get("te"), "trailers");
  world_.go.Set();
  const Reply reply = Ask(Request("GET", "/steps"));
  EXPECT_EQ(reply.trailers.Get("grpc-status"), "0");
  EXPECT_EQ(reply.trailers.size(), 1u);
}

Task<std::string> ReadSome(http::ClientResponse* response) {
  std::vector<char> buffer(4096);
  const auto n = co_await response->body().Read(buffer);
  co_return n ? std::string(buffer.data(), *n) : n.error().message();
}

TEST_F(InspectHttp2Test, AnEventStreamIsNotHeldBackByAnyVersion) {
  for (const Alpn client : {Alpn::kHttp1, Alpn::kHttp2OrHttp1}) {
    for (const Alpn server : {Alpn::kHttp1, Alpn::kHttp2OrHttp1}) {
      world_.go.Reset();
      Speak(client);
      server_alpn_ = server;
      auto response = loop_.RunUntil(client_->Send(Request("GET", "/steps")));
      ASSERT_TRUE(response) << response.error().message();
      EXPECT_EQ(loop_.RunUntil(ReadSome(response->get())), "data: one\n\n");
      world_.go.Set();
      EXPECT_EQ(loop_.RunUntil(ReadSome(response->get())), "data: two\n\n");
      EXPECT_EQ(loop_.RunUntil(ReadSome(response->get())), "");
    }
  }
}

TEST_F(InspectHttp2Test, AnotherAuthorityOnTheSameConnectionIsDenied) {
  auto request = Request("GET", "/");
  request.headers.Add("Host", "second.test");
  const Reply other = Ask(std::move(request));
  EXPECT_EQ(other.status, 403);
  EXPECT_THAT(other.body, HasSubstr(R"("reason":"name_mismatch")"));
  request = Request("GET", "/");
  request.headers.Add("Host", "allowed.test:444");
  EXPECT_THAT(Ask(std::move(request)).body, HasSubstr(R"("reason":"port_mismatch")"));
  request = Request("GET", "/");
  request.headers.Add("Host", "allowed.test@evil.test");
  EXPECT_EQ(Ask(std::move(request)).status, 400);
  EXPECT_TRUE(resolved_.empty());
  EXPECT_EQ(Rows().size(), 3u);
  // The connection goes on.
  EXPECT_EQ(Ask(Request("GET", "/")).status, 200);
}

TEST_F(InspectHttp2Test, APathThatCannotBeSentOnIsRefusedAsMalformed) {
  auto socket = loop_.RunUntil(Dial(tcp_, trust_, Alpn::kHttp2OrHttp1));
  ASSERT_TRUE(socket) << socket.error().message();
  // The preface, empty settings, and on stream 1 a head of fields that no table has (RFC
  // 7541 6.2.2).
  const auto field = [](std::string_view name, std::string_view value) {
    return std::string("\0", 1) + static_cast<char>(name.size()) + std::string(name) +
           static_cast<char>(value.size()) + std::string(value);
  };
  const std::string head = field(":method", "GET") + field(":scheme", "https") +
                           field(":authority", "allowed.test") + field(":path", "/a#b");
  const std::string sent = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(3, '\0') +
                           std::string("\x04\0\0\0\0\0", 6) + std::string(2, '\0') +
                           static_cast<char>(head.size()) + std::string("\x01\x05\0\0\0\x01", 6) +
                           head;
  EXPECT_THAT(loop_.RunUntil(AskUntil(socket->get(), sent, "\"port\":443")),
              HasSubstr(R"("reason":"malformed")"));
  EXPECT_THAT(Rows().back().detail, HasSubstr("its path has a '#'"));
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(InspectHttp2Test, MethodsAndPathsAreJudgedForEachStream) {
  SetDocument(
      "[[rule]]\nallow=\"allowed.test\"\nmethods=[\"GET\"]\npaths=[\"/org/**\"]\ninspect=true\n");
  EXPECT_EQ(Ask(Request("GET", "/org/a")).status, 200);
  EXPECT_EQ(Ask(Request("POST", "/org/a")).status, 403);
  EXPECT_EQ(Ask(Request("GET", "/other")).status, 403);
  EXPECT_EQ(Ask(Request("GET", "/org/../other")).status, 403);
  EXPECT_EQ(world_.seen.size(), 1u);
}

TEST_F(InspectHttp2Test, ARevokedRuleCutsTheStream) {
  auto response = loop_.RunUntil(client_->Send(Request("GET", "/steps")));
  ASSERT_TRUE(response);
  EXPECT_EQ(loop_.RunUntil(ReadSome(response->get())), "data: one\n\n");
  SetDocument("allow=\"second.test\"");
  gateway_->PolicyChanged(id_);
  EXPECT_THAT(loop_.RunUntil(ReadSome(response->get())), HasSubstr("ended"));
  EXPECT_EQ(Rows().back().reason, "revoked");
}

TEST_F(InspectHttp2Test, StreamsCountAsConnectionsOfTheSandbox) {
  client_.reset();
  gateway_.reset();
  deps_.limits.connections_per_sandbox_max = 2;
  Start();
  Speak(Alpn::kHttp2OrHttp1);
  auto first = loop_.RunUntil(client_->Send(Request("GET", "/steps")));
  ASSERT_TRUE(first);
  const Reply second = Ask(Request("GET", "/"));
  EXPECT_EQ(second.status, 403);
  EXPECT_THAT(second.body, HasSubstr(R"("reason":"limit")"));
  world_.go.Set();
  EXPECT_EQ(loop_.RunUntil(ReadSome(first->get())), "data: one\n\n");
}

TEST_F(InspectHttp2Test, AnIdleConnectionCountsByItsRuleAndByACeilings) {
  const auto document = [](std::string_view toml) {
    return std::make_shared<policy::Document>(
        *policy::ParseToml(toml, "p", policy::Layer::kServer));
  };
  const auto open = document("[[rule]]\nallow=\"allowed.test\"\ninspect=true");
  const auto one = document("[[rule]]\nallow=\"allowed.test\"\ninspect=true\nconnections=1");
  const auto by_rule = policy::Policy::Make({{policy::Layer::kServer, nullptr, one}});
  const auto by_ceiling = policy::Policy::Make(
      {{policy::Layer::kOrganization, one, nullptr}, {policy::Layer::kSandbox, nullptr, open}});
  for (const auto& policy : {by_rule, by_ceiling}) {
    policy_ = policy;
    for (const Alpn client : {Alpn::kHttp1, Alpn::kHttp2OrHttp1}) {
      for (const Alpn server : {Alpn::kHttp1, Alpn::kHttp2OrHttp1}) {
        server_alpn_ = server;
        Speak(client);
        EXPECT_EQ(Ask(Request("GET", "/a")).status, 200);
        auto first = std::move(client_);
        Speak(client);
        const size_t seen = world_.seen.size();
        const Reply refused = Ask(Request("GET", "/b"));
        EXPECT_EQ(refused.status, 403);
        EXPECT_THAT(refused.body, HasSubstr(R"("reason":"limit")"));
        EXPECT_EQ(world_.seen.size(), seen);
        client_ = std::move(first);
        EXPECT_EQ(Ask(Request("GET", "/c")).status, 200);
        client_.reset();
        WaitFor([&] { return gateway_->connections() == 0; });
        Speak(client);
        EXPECT_EQ(Ask(Request("GET", "/d")).status, 200);
        client_.reset();
        WaitFor([&] { return gateway_->connections() == 0; });
      }
    }
  }
}

TEST_F(InspectHttp2Test, OneConnectionTooManyIsToldSoOnEachStream) {
  client_.reset();
  gateway_.reset();
  deps_.limits.connections_per_sandbox_max = 0;
  Start();
  for (const Alpn alpn : {Alpn::kHttp2OrHttp1, Alpn::kHttp1}) {
    Speak(alpn);
    const Reply reply = Ask(Request("GET", "/a"));
    EXPECT_EQ(reply.status, 403);
    EXPECT_THAT(reply.body, HasSubstr(R"("reason":"limit")"));
  }
  EXPECT_TRUE(world_.seen.empty());
  EXPECT_EQ(Rows().back().host, "allowed.test");
}

Task<std::string> Chat(SocketAddress gateway, std::shared_ptr<net::TlsContext> trust) {
  auto socket = co_await net::Connect(gateway, Now() + 2s);
  if (!socket) co_return "no connection";
  auto tls = co_await net::TlsConnect(std::move(trust), *std::move(socket), "allowed.test",
                                      Now() + 2s, Alpn::kHttp1);
  if (!tls) co_return tls.error().message();
  std::string request =
      "GET /socket HTTP/1.1\r\nHost: allowed.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  (void)co_await (*tls)->Write(request);
  std::string received;
  std::vector<char> buffer(4096);
  (*tls)->set_read_timeout(3s);
  while (!received.ends_with("\r\n\r\n")) {
    const auto n = co_await (*tls)->Read(buffer);
    if (!n || *n == 0) co_return received;
    received.append(buffer.data(), *n);
  }
  std::string out = received.substr(0, 12);
  for (int i = 0; i < 2; ++i) {
    // A masked text frame with the key 0.
    (void)co_await (*tls)->Write(std::string("\x81\x82\0\0\0\0hi", 8));
    const auto n = co_await (*tls)->Read(buffer);
    if (!n) co_return n.error().message();
    out += "|" + std::string(buffer.data(), *n);
  }
  co_return out;
}

TEST_F(InspectHttp2Test, AWebSocketPassesUnbufferedEvenWhereTheServerPrefersHttp2) {
  EXPECT_EQ(loop_.RunUntil(Chat(tcp_, trust_)),
            "HTTP/1.1 101|\x81\x07"
            "echo hi|\x81\x07"
            "echo hi");
  EXPECT_EQ(world_.seen.size(), 1u);
}

TEST_F(InspectHttp2Test, Http2WithoutTlsIsRefusedAndRecorded) {
  GoTo("allowed.test", 80);
  const Talk prior =
      loop_.RunUntil(Say(tcp_, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", After::kKeepOpen));
  EXPECT_THAT(prior.received, HasSubstr("HTTP/1.1 400"));
  EXPECT_EQ(Rows().back().reason, "malformed");
  EXPECT_TRUE(resolved_.empty());
}

}  // namespace
}  // namespace cove::gateway
