// Goal: the packets on the wire are those that a Socket.IO v5 client expects.
// Method: pure calls compared with literal packets.
#include "api/socketio_codec.h"

#include <gtest/gtest.h>

namespace cove::api::socketio {
namespace {

TEST(SocketIo, ReadsTheTokenOfAConnect) {
  const Packet packet = Parse(R"(40{"token":"cove_x"})");
  EXPECT_EQ(packet.kind, Kind::kConnect);
  EXPECT_EQ(packet.token, "cove_x");
}

TEST(SocketIo, TakesAConnectWithoutTokenAsOne) {
  for (const char* text : {"40", "40{}", "40{broken", "40{\"token\":7}"}) {
    EXPECT_EQ(Parse(text).kind, Kind::kConnect) << text;
    EXPECT_EQ(Parse(text).token, "") << text;
  }
}

TEST(SocketIo, TellsTheOtherKindsApart) {
  EXPECT_EQ(Parse("2").kind, Kind::kPing);
  EXPECT_EQ(Parse("3").kind, Kind::kPong);
  EXPECT_EQ(Parse("1").kind, Kind::kClose);
  EXPECT_EQ(Parse("41").kind, Kind::kDisconnect);
  EXPECT_EQ(Parse("42[\"x\"]").kind, Kind::kOther);
  EXPECT_EQ(Parse("40/admin,{}").kind, Kind::kOther);
  EXPECT_EQ(Parse("").kind, Kind::kOther);
}

TEST(SocketIo, WritesTheHandshakeAndEvents) {
  EXPECT_EQ(OpenPacket("s1"),
            R"(0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,)"
            R"("maxPayload":1000000})");
  EXPECT_EQ(ConnectedPacket("s2"), R"(40{"sid":"s2"})");
  EXPECT_EQ(RefusedPacket("Unauthorized"), R"(44{"message":"Unauthorized"})");
  EXPECT_EQ(EventPacket("sandbox.created", "{\"id\":1}"), R"(42["sandbox.created",{"id":1}])");
}

}  // namespace
}  // namespace cove::api::socketio
