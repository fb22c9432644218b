// Goal: a client that connects with a key hears of its sandboxes, one without is refused.
// Method: the Api over a taken-over stream, with our own WebSocket as the client.
#include "api/socketio.h"

#include "api/api_fixture_test.h"
#include "http/websocket.h"

namespace cove::api {
namespace {

class SocketIoTest : public ApiTest {
 protected:
  static void AskUpgrade(FakeExchange& exchange) {
    exchange.headers().Add("Connection", "Upgrade");
    exchange.headers().Add("Upgrade", "websocket");
    exchange.headers().Add("Sec-WebSocket-Version", "13");
    exchange.headers().Add("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
  }
  // The packets that come after `connect`, up to `count`; meanwhile a sandbox is made.
  Task<std::vector<std::string>> Talk(FakeExchange* exchange, std::string connect, size_t count) {
    std::vector<std::string> out;
    async::TaskGroup group;
    group.Spawn(api_->Handle(*exchange));
    while (exchange->client == nullptr) co_await async::Sleep(milliseconds(1));
    http::WebSocket socket(std::move(exchange->client), http::WebSocket::Role::kClient);
    auto open = co_await socket.Receive();
    EXPECT_TRUE(open && open->data.starts_with("0{\"sid\":"));
    (void)co_await socket.SendText(connect);
    while (out.size() < count) {
      auto message = co_await socket.Receive();
      if (!message) break;
      out.push_back(message->data);
      if (out.size() == 1 && message->data.starts_with("40")) {
        control::CreateRequest request;
        request.org = identity::kDefaultOrg;
        EXPECT_TRUE(co_await sandboxes_->Create(request));
      }
    }
    (void)co_await socket.Close(1000, {});
    co_await group.Join();
    co_return out;
  }
};

TEST_F(SocketIoTest, StateChangesArePushed) {
  FakeExchange exchange("GET", "/api/socket.io/?EIO=4&transport=websocket");
  AskUpgrade(exchange);
  const auto packets = loop_.RunUntil(Talk(&exchange, "40{\"token\":\"" + key_ + "\"}", 3));
  ASSERT_EQ(packets.size(), 3u);
  EXPECT_TRUE(packets[0].starts_with("40{\"sid\":")) << packets[0];
  EXPECT_TRUE(packets[1].starts_with("42[\"sandbox.created\",{\"id\":")) << packets[1];
  EXPECT_TRUE(packets[2].starts_with("42[\"sandbox.state.updated\",{\"sandbox\":{")) << packets[2];
  EXPECT_NE(packets[2].find("\"newState\":\"started\""), std::string::npos) << packets[2];
}

TEST_F(SocketIoTest, AWrongKeyIsRefused) {
  FakeExchange exchange("GET", "/api/socket.io/?EIO=4&transport=websocket");
  AskUpgrade(exchange);
  const auto packets = loop_.RunUntil(Talk(&exchange, "40{\"token\":\"nobody\"}", 2));
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0], "44{\"message\":\"Unauthorized\"}");
}

TEST_F(SocketIoTest, PollingIsNotServed) {
  FakeExchange exchange("GET", "/api/socket.io/?EIO=4&transport=polling");
  Handle(exchange);
  EXPECT_EQ(exchange.answer.status, 400);
}

}  // namespace
}  // namespace cove::api
