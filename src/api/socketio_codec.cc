#include "api/socketio_codec.h"

#include "json/json.h"

namespace cove::api::socketio {

Packet Parse(std::string_view text) {
  Packet packet;
  if (text.starts_with('2')) {
    packet.kind = Kind::kPing;
  } else if (text.starts_with('3')) {
    packet.kind = Kind::kPong;
  } else if (text == "1") {
    packet.kind = Kind::kClose;
  } else if (text.starts_with("41")) {
    packet.kind = Kind::kDisconnect;
  } else if (text.starts_with("40")) {
    const std::string_view payload = text.substr(2);
    // "40/name,": another namespace, of which there is none.
    if (payload.starts_with('/')) return packet;
    packet.kind = Kind::kConnect;
    if (auto object = json::ParseObject(payload)) {
      packet.token = json::GetString(*object, "token").value_or("");
    }
  }
  return packet;
}

std::string OpenPacket(std::string_view sid) {
  json::Object body;
  body["sid"] = sid;
  body["upgrades"] = json::Array();
  body["pingInterval"] = kPingInterval.count();
  body["pingTimeout"] = kPingTimeout.count();
  body["maxPayload"] = kPacketBytesMax;
  return "0" + json::Write(body);
}

std::string ConnectedPacket(std::string_view sid) {
  json::Object body;
  body["sid"] = sid;
  return "40" + json::Write(body);
}

std::string RefusedPacket(std::string_view message) {
  json::Object body;
  body["message"] = message;
  return "44" + json::Write(body);
}

std::string EventPacket(std::string_view name, std::string_view json) {
  return "42[" + json::Write(json::Value(name)) + "," + std::string(json) + "]";
}

}  // namespace cove::api::socketio
