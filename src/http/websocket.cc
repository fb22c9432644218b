#include "http/websocket.h"

#include <openssl/rand.h>

#include "async/deadline.h"

namespace cove::http {
namespace {

using codec::WsOpcode;
namespace ws_close = codec::ws_close;

constexpr size_t kBufferBytes = 16 * 1024;
constexpr Duration kCloseWait = seconds(2);

codec::WsDecoder::End EndOf(WebSocket::Role role) {
  return role == WebSocket::Role::kServer ? codec::WsDecoder::End::kServer
                                          : codec::WsDecoder::End::kClient;
}

}  // namespace

WebSocket::WebSocket(net::StreamPtr stream, Role role, size_t message_bytes_max)
    : stream_(std::move(stream)), role_(role), decoder_(EndOf(role), message_bytes_max) {}

Task<Result<WebSocketMessage>> WebSocket::Receive() {
  struct Receiving {
    bool& flag;
    explicit Receiving(bool& f) : flag(f) { flag = true; }
    ~Receiving() { flag = false; }
  } receiving(receiving_);
  while (!ended_) {
    const auto whole = decoder_.Next(&unread_);
    if (!whole) {
      co_await EndWith(decoder_.error_code(), whole.error().message());
      co_return whole.error();
    }
    if (*whole) {
      CO_ASSIGN_OR_RETURN(auto message, co_await TakeItem());
      if (message) co_return std::move(*message);
      continue;
    }
    if (const size_t part = decoder_.pending(); part > 0 && on_part_) {
      CO_RETURN_IF_ERROR(on_part_(part));
    }
    buffer_.resize(kBufferBytes);
    auto n = co_await stream_->Read(buffer_);
    if (n && *n != 0) {
      unread_ = {buffer_.data(), *n};
      continue;
    }
    if (!n && n.error().code() == Code::kTimeout) co_return std::move(n).error();
    close_code_ = ws_close::kAbnormal;
    ended_ = true;
    closed_.Set();
  }
  co_return Error(Code::kClosed, "the WebSocket is closed, code " + std::to_string(close_code_));
}

Task<Result<std::optional<WebSocketMessage>>> WebSocket::TakeItem() {
  const codec::WsItem& item = decoder_.item();
  switch (item.opcode) {
    case WsOpcode::kText:
    case WsOpcode::kBinary:
      co_return WebSocketMessage{item.opcode == WsOpcode::kText, std::move(decoder_.message())};
    case WsOpcode::kClose:
      CO_RETURN_IF_ERROR(co_await TakeClose());
      break;
    case WsOpcode::kPing:
      if (close_sent_) break;
      // Never waits for a writer: the peer may be waiting for us to read before it reads.
      pong_ = std::string(item.data);
      if (!writing_) (void)co_await Send(WsOpcode::kPong, *std::exchange(pong_, std::nullopt));
      break;
    default:
      break;
  }
  co_return std::optional<WebSocketMessage>();
}

Task<Result<void>> WebSocket::TakeClose() {
  close_code_ = decoder_.item().close_code;
  close_reason_ = decoder_.item().data;
  if (!close_sent_) co_await EndWith(close_code_, "");
  ended_ = true;
  closed_.Set();
  co_return Ok();
}

Task<void> WebSocket::EndWith(uint16_t code, std::string reason) {
  if (!close_sent_) {
    const std::string payload = codec::WsClosePayload(code, reason);
    (void)co_await Send(WsOpcode::kClose, payload);
  }
  ended_ = true;
  closed_.Set();
  if (!writing_) (void)co_await stream_->CloseWrite();
}

Task<Result<void>> WebSocket::SendText(std::string_view text) {
  if (!codec::IsUtf8(text)) co_return Error(Code::kInvalid, "a WebSocket text must be UTF-8");
  co_return co_await Send(WsOpcode::kText, text);
}

Task<Result<void>> WebSocket::SendBinary(std::string_view bytes) {
  return Send(WsOpcode::kBinary, bytes);
}

Task<Result<void>> WebSocket::SendPing() { return Send(WsOpcode::kPing, {}); }

Task<Result<void>> WebSocket::Send(WsOpcode opcode, std::string_view payload) {
  while (writing_) co_await write_free_.Wait();
  if (close_sent_ || broken_) co_return Error(Code::kClosed, "the WebSocket is closed");
  struct Writing {
    WebSocket& self;
    explicit Writing(WebSocket& s) : self(s) { self.writing_ = true; }
    ~Writing() {
      self.writing_ = false;
      self.write_free_.NotifyAll();
    }
  } writing(*this);
  close_sent_ = opcode == WsOpcode::kClose;
  CO_RETURN_IF_ERROR(co_await WriteFrame(opcode, payload));
  while (pong_ && !close_sent_) {
    const std::string pong = *std::exchange(pong_, std::nullopt);
    CO_RETURN_IF_ERROR(co_await WriteFrame(WsOpcode::kPong, pong));
  }
  co_return Ok();
}

Task<Result<void>> WebSocket::WriteFrame(WsOpcode opcode, std::string_view payload) {
  std::string frame;
  if (role_ == Role::kClient) {
    codec::WsMask mask;
    if (RAND_bytes(mask.data(), static_cast<int>(mask.size())) != 1) {
      co_return Error(Code::kInternal, "no randomness for a WebSocket mask");
    }
    codec::AppendWsFrame(&frame, opcode, payload, &mask);
  } else {
    codec::AppendWsFrame(&frame, opcode, payload);
  }
  broken_ = true;  // unless the write comes to its end
  CO_RETURN_IF_ERROR(co_await stream_->Write(frame));
  broken_ = false;
  co_return Ok();
}

void WebSocket::DropMessages() {
  decoder_.DropMessages();
  on_part_ = nullptr;
}

Task<Result<void>> WebSocket::Close(uint16_t code, std::string reason) {
  const std::string payload = codec::WsClosePayload(code, reason);
  CO_RETURN_IF_ERROR(co_await Send(WsOpcode::kClose, payload));
  const TimePoint deadline = Now() + kCloseWait;
  if (receiving_) {
    (void)co_await closed_.Wait(deadline);
    co_return Ok();
  }
  // Nobody reads them any more, but the peer must get its bytes off to hear of the end.
  DropMessages();
  while (!ended_) {
    if (!co_await async::WithDeadline(Receive(), deadline, "the end of a WebSocket")) break;
  }
  co_return Ok();
}

}  // namespace cove::http
