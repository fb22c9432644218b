// The little of Engine.IO v4 and Socket.IO v5 that the SDKs speak over a WebSocket: text packets
// whose first digits tell the kind. Source: the two protocols' public documents.
// Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cove::api::socketio {

inline constexpr milliseconds kPingInterval{25000};
inline constexpr milliseconds kPingTimeout{20000};
inline constexpr size_t kPacketBytesMax = 1'000'000;

enum class Kind { kPing, kPong, kConnect, kDisconnect, kClose, kOther };

struct Packet {
  Kind kind = Kind::kOther;
  std::string token;  // kConnect: what {"token": …} says; empty when it says nothing
};

// Anything unknown (events of the client, acknowledgements, other namespaces) is kOther.
Packet Parse(std::string_view text);

std::string OpenPacket(std::string_view sid);
std::string ConnectedPacket(std::string_view sid);
std::string RefusedPacket(std::string_view message);
std::string EventPacket(std::string_view name, std::string_view json);
inline constexpr std::string_view kPingPacket = "2";
inline constexpr std::string_view kPongPacket = "3";

}  // namespace cove::api::socketio
