// Goal: sessions of both roles agree with each other, keep the rules of closing, and never block
// each other. Method: our server and client over loopback; scripted peers for broken ones.
#include "http/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/script_stream.h"

namespace cove::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Task<void> EchoSocket(Exchange& x) {
  constexpr std::string_view kSupported[] = {"v2", "v1"};
  auto socket = co_await AcceptWebSocket(x, SelectSubprotocol(x.request(), kSupported));
  if (!socket) {
    (void)co_await x.Respond({426, {{"Upgrade", "websocket"}}}, "");
    co_return;
  }
  for (;;) {
    auto message = co_await (*socket)->Receive();
    if (!message) break;
    auto sent = message->text ? co_await (*socket)->SendText(message->data)
                              : co_await (*socket)->SendBinary(message->data);
    if (!sent) break;
  }
}

struct World {
  async::Loop loop;
  async::ThreadPool pool{1};
  net::Listener listener{*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0))};
  Server server{&EchoSocket};
  Client client{pool};
  async::TaskGroup tasks;

  static Task<void> Accept(Server& server, net::Listener& listener) {
    (void)co_await server.Serve(listener);
  }
  World() { tasks.Spawn(Accept(server, listener)); }
  ClientRequest Request() {
    ClientRequest request;
    request.url = *Url::Parse(
        "http://127.0.0.1:" + std::to_string(net::LocalAddress(listener.fd())->port()) + "/ws");
    request.head_deadline = Now() + 5s;
    return request;
  }
};

Task<void> SendMany(WebSocket& socket, int count, std::string text) {
  for (int i = 0; i < count; ++i) EXPECT_TRUE(co_await socket.SendBinary(text));
}

Task<void> Converse(World& w) {
  auto socket = co_await ConnectWebSocket(w.client, w.Request(), "v0, v1");
  EXPECT_TRUE(socket);
  if (!socket) co_return;
  WebSocket& s = **socket;
  EXPECT_TRUE(co_await s.SendPing());
  EXPECT_TRUE(co_await s.SendText("h\xc3\xa9"));
  auto text = co_await s.Receive();
  EXPECT_TRUE(text && text->text && text->data == "h\xc3\xa9");
  auto not_text = co_await s.SendText("\xff");
  EXPECT_FALSE(not_text);
  // Far more than the sockets hold, both ways at once, from two senders.
  async::TaskGroup senders;
  senders.Spawn(SendMany(s, 40, std::string(300'000, 'x')));
  senders.Spawn(SendMany(s, 40, std::string(3, 'y')));
  size_t bytes = 0;
  for (int i = 0; i < 80; ++i) {
    auto message = co_await s.Receive();
    EXPECT_TRUE(message);
    if (!message) co_return;
    bytes += message->data.size();
  }
  EXPECT_EQ(bytes, 40u * 300'003u);
  EXPECT_TRUE(co_await s.Close(1000, "done"));
  EXPECT_EQ(s.close_code(), 1000);
  auto after = co_await s.SendText("x");
  EXPECT_FALSE(after);
}

TEST(WebSocketTest, ServerAndClientAgree) {
  World w;
  w.loop.RunUntil(Converse(w));
}

Task<Result<std::unique_ptr<ClientResponse>>> Send(Client& client, ClientRequest request) {
  return client.Send(std::move(request));
}

TEST(WebSocketTest, AnOrdinaryRequestIsNoHandshake) {
  World w;
  auto response = w.loop.RunUntil(Send(w.client, w.Request()));
  ASSERT_TRUE(response);
  EXPECT_EQ((*response)->head().status, 426);
}

TEST(WebSocketTest, TheHandshakeAnswersTheExampleOfTheRfc) {
  async::Loop loop;
  auto script = std::make_shared<net::Script>();
  script->Feed(
      "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, v2\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n");
  script->ended = true;
  Server server(&EchoSocket);
  loop.RunUntil(server.ServeConnection(std::make_unique<net::ScriptStream>(script), ""));
  EXPECT_THAT(script->written, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(script->written, HasSubstr("Sec-WebSocket-Protocol: v2\r\n"));
}

struct Peer {
  async::Loop loop;
  std::shared_ptr<net::Script> script = std::make_shared<net::Script>();
  WebSocket socket{std::make_unique<net::ScriptStream>(script), WebSocket::Role::kClient, 100};
};

TEST(WebSocketTest, AnswersPingsAndEchoesTheClose) {
  Peer p;
  p.script->Feed(std::string("\x89\x02hi\x81\x01x\x88\x04\x03\xe9ok", 13));
  auto message = p.loop.RunUntil(p.socket.Receive());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->data, "x");
  EXPECT_EQ(p.script->written.size(), 8u);  // a masked pong of two bytes
  auto closed = p.loop.RunUntil(p.socket.Receive());
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code(), Code::kClosed);
  EXPECT_EQ(p.socket.close_code(), 1001);
  EXPECT_EQ(p.socket.close_reason(), "ok");
  EXPECT_EQ(p.script->written.size(), 16u);  // and a masked close with the code
  EXPECT_TRUE(p.script->write_closed);
  EXPECT_FALSE(p.loop.RunUntil(p.socket.SendText("late")));
}

TEST(WebSocketTest, TellsAPeerThatBreaksTheRules) {
  Peer p;
  p.script->Feed(std::string("\x82\x7e\x00\x80", 4));
  auto message = p.loop.RunUntil(p.socket.Receive());
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code(), Code::kTooLarge);
  EXPECT_EQ(static_cast<uint8_t>(p.script->written[0]), 0x88);
  EXPECT_TRUE(p.script->write_closed);
}

TEST(WebSocketTest, APeerThatVanishesLeavesCode1006) {
  Peer p;
  p.script->ended = true;
  EXPECT_FALSE(p.loop.RunUntil(p.socket.Receive()));
  EXPECT_EQ(p.socket.close_code(), 1006);
}

TEST(WebSocketTest, AnIdleSessionTimesOutAndGoesOn) {
  Peer p;
  p.socket.set_idle_timeout(10ms);
  auto none = p.loop.RunUntil(p.socket.Receive());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), Code::kTimeout);
  p.script->Feed(std::string("\x81\x01x", 3));
  EXPECT_TRUE(p.loop.RunUntil(p.socket.Receive()));
}

}  // namespace
}  // namespace cove::http
