// WebSocket sessions (RFC 6455) over a taken-over connection; codec/websocket does the framing.
// Pings are answered here, fragments are joined up to the limit, close is echoed.
//
// One Receive() at a time; sends may come from several tasks and go out one after the other.
// A send that is cancelled half-way breaks the session, for the peer could not find the next frame.
// Thread: loop-confined.
#pragma once

#include <functional>
#include <span>

#include "codec/websocket.h"
#include "http/client.h"
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

  // kClosed once the peer has closed (close_code() then tells how: 1006 when it just went away);
  // kInvalid, kTooLarge: the peer broke the rules and was told so. Either way this was the last.
  Task<Result<WebSocketMessage>> Receive();
  // kInvalid when `text` is not UTF-8, kClosed after a close frame in either direction.
  Task<Result<void>> SendText(std::string_view text);
  Task<Result<void>> SendBinary(std::string_view bytes);
  Task<Result<void>> SendPing();
  // No message is kept from now on, nor any part of one.
  void DropMessages();
  // Sends a close frame; waits shortly for the peer's.
  Task<Result<void>> Close(uint16_t code, std::string reason);
  uint16_t close_code() const { return close_code_; }
  // The peer's reason; empty when it gave none.
  const std::string& close_reason() const { return close_reason_; }
  // Called for each part of a message that comes, with how much of the message has: an error is
  // that of Receive(), and was its last.
  void set_on_part(std::function<Result<void>(size_t)> on_part) { on_part_ = std::move(on_part); }
  // Ends Receive() with kTimeout when nothing at all came for so long (zero: never). With
  // SendPing() at a shorter interval this finds peers that vanished.
  void set_idle_timeout(Duration timeout) { stream_->set_read_timeout(timeout); }
  void set_write_timeout(Duration timeout) { stream_->set_write_timeout(timeout); }

 private:
  Task<Result<void>> Send(codec::WsOpcode opcode, std::string_view payload);
  Task<Result<void>> WriteFrame(codec::WsOpcode opcode, std::string_view payload);
  Task<Result<std::optional<WebSocketMessage>>> TakeItem();
  Task<Result<void>> TakeClose();
  Task<void> EndWith(uint16_t code, std::string reason);

  net::StreamPtr stream_;
  Role role_;
  codec::WsDecoder decoder_;
  std::vector<char> buffer_;
  std::string_view unread_;  // of buffer_
  std::function<Result<void>(size_t)> on_part_;
  uint16_t close_code_ = codec::ws_close::kNone;
  std::string close_reason_;
  std::optional<std::string> pong_;  // to be sent by the writer that is under way
  bool writing_ = false;
  bool broken_ = false;
  bool close_sent_ = false;
  bool ended_ = false;
  bool receiving_ = false;
  async::Event write_free_;
  async::Event closed_;
};

// Whether the request asks for a WebSocket (method, version and headers are right).
bool IsWebSocketUpgrade(const RequestHead& request);
// What a server makes of a Sec-WebSocket-Key (RFC 6455 section 4.2.2).
std::string AcceptKey(std::string_view key);
// Whether these fields of a 101 answer a request that had that key: they prove that it was read,
// but only if nobody who may shape the answer could know the key before (OfferWebSocket makes such
// a one). What is no WebSocket's server then cannot, whatever status it is made to give.
bool AnswersWebSocket(std::string_view key, const Headers& answer);
// The first of the client's subprotocols that is in `supported`; empty when none is.
std::string SelectSubprotocol(const RequestHead& request,
                              std::span<const std::string_view> supported);
// Answers 101 (choosing `subprotocol` when not empty; with `extra` fields beside the handshake's)
// and gives the session. REQUIRES: IsWebSocketUpgrade(exchange.request()); otherwise kInvalid and
// nothing is answered.
Task<Result<std::unique_ptr<WebSocket>>> AcceptWebSocket(Exchange& exchange,
                                                         std::string subprotocol,
                                                         Headers extra = {});

// Client side: sends `request` (a GET with the caller's headers; the handshake's are added here)
// and gives the session. kUnavailable with the status when the server does not agree.
Task<Result<std::unique_ptr<WebSocket>>> ConnectWebSocket(Client& client, ClientRequest request,
                                                          std::string subprotocols = {});

// The two halves of that, for who sends the request by other means: the fields to send with it, and
// the session that its answer opens.
struct WebSocketOffer {
  std::string key;
  Headers fields;
};
Result<WebSocketOffer> OfferWebSocket();
Result<std::unique_ptr<WebSocket>> OpenWebSocket(ClientResponse& response,
                                                 const WebSocketOffer& offer);

// Whether a field belongs to the opening handshake of one connection (RFC 6455 section 11.3).
bool IsWebSocketField(std::string_view name);

}  // namespace cove::http
