// WebSocket sessions (RFC 6455) over a taken-over connection; codec/websocket does the framing.
// Pings are answered here, fragments are joined up to the limit, close is echoed.
// Thread: loop-confined.
#pragma once

#include "http/server.h"

namespace cove::http {

struct WebSocketMessage {
  bool text = false;
  std::string data;
};

class WebSocket {
 public:
  enum class Role { kServer, kClient };
  WebSocket(net::StreamPtr stream, Role role, size_t message_bytes_max = 16 * 1024 * 1024);

  // kClosed once the peer has closed (close_code() then tells how).
  Task<Result<WebSocketMessage>> Receive();
  Task<Result<void>> SendText(std::string_view text);
  Task<Result<void>> SendBinary(std::string_view bytes);
  // Sends a close frame; waits shortly for the peer's.
  Task<Result<void>> Close(uint16_t code, std::string reason);
  uint16_t close_code() const { return close_code_; }

 private:
  net::StreamPtr stream_;
  Role role_;
  size_t message_bytes_max_;
  uint16_t close_code_ = 1005;
};

// Whether the request asks for a WebSocket (method, version and headers are right).
bool IsWebSocketUpgrade(const RequestHead& request);
// Answers 101 (choosing `subprotocol` when not empty) and gives the session.
Task<Result<std::unique_ptr<WebSocket>>> AcceptWebSocket(Exchange& exchange,
                                                         std::string subprotocol);

}  // namespace cove::http
