#include "codec/websocket.h"

#include <algorithm>
#include <cstring>

namespace cove::codec {
namespace {

constexpr size_t kControlMax = 125;
constexpr uint64_t kLength16 = 126;  // the marks for longer lengths
constexpr uint64_t kLength64 = 127;

bool IsControl(WsOpcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

// RFC 6455 section 7.4: what a peer may send.
bool IsSendableCode(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

// XORs with the mask from position `at` of its cycle, eight bytes at a time.
void ApplyMask(char* data, size_t size, const WsMask& mask, size_t at) {
  uint8_t cycle[8];
  for (size_t i = 0; i < 8; ++i) cycle[i] = mask[(at + i) % 4];
  uint64_t wide;
  std::memcpy(&wide, cycle, 8);
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t block;
    std::memcpy(&block, data + i, 8);
    block ^= wide;
    std::memcpy(data + i, &block, 8);
  }
  for (; i < size; ++i) data[i] = static_cast<char>(data[i] ^ static_cast<char>(cycle[i % 8]));
}

}  // namespace

Error WsDecoder::Fail(uint16_t code, std::string_view why) {
  error_code_ = code;
  return {code == ws_close::kTooBig ? Code::kTooLarge : Code::kInvalid,
          "WebSocket: " + std::string(why)};
}

// How long the header is, as far as can be told from what has come.
size_t WsDecoder::HeaderSize() const {
  if (header_size_ < 2) return 2;
  const uint64_t mark = header_[1] & 0x7f;
  const size_t length_bytes = mark == kLength64 ? 8 : mark == kLength16 ? 2 : 0;
  return 2 + length_bytes + ((header_[1] & 0x80) != 0 ? 4 : 0);
}

Result<bool> WsDecoder::Next(std::string_view* in) {
  if (message_done_) {
    message_done_ = false;
    message_.clear();
    utf8_.Reset();
  }
  for (;;) {
    while (!in_payload_) {
      if (header_size_ == HeaderSize()) {
        RETURN_IF_ERROR(TakeHeader());
        break;
      }
      if (in->empty()) return false;
      header_[header_size_++] = static_cast<uint8_t>(in->front());
      in->remove_prefix(1);
    }
    const auto size = static_cast<size_t>(std::min<uint64_t>(left_, in->size()));
    RETURN_IF_ERROR(TakePayload(in->substr(0, size)));
    in->remove_prefix(size);
    left_ -= size;
    if (left_ != 0) return false;
    in_payload_ = false;
    header_size_ = 0;
    ASSIGN_OR_RETURN(const bool whole, FinishFrame());
    if (whole) return true;
  }
}

Result<void> WsDecoder::TakeHeader() {
  final_ = (header_[0] & 0x80) != 0;
  if ((header_[0] & 0x70) != 0) return Fail(ws_close::kProtocolError, "a reserved bit is set");
  const uint8_t opcode = header_[0] & 0x0f;
  if ((opcode > 2 && opcode < 8) || opcode > 10) {
    return Fail(ws_close::kProtocolError, "an unknown kind of frame");
  }
  frame_ = static_cast<WsOpcode>(opcode);
  const bool masked = (header_[1] & 0x80) != 0;
  if (masked != (end_ == End::kServer)) {
    return Fail(ws_close::kProtocolError, masked ? "a server must not mask" : "a client must mask");
  }
  const uint64_t mark = header_[1] & 0x7f;
  size_t at = 2;
  left_ = mark;
  if (mark >= kLength16) {
    left_ = 0;
    for (const size_t end = mark == kLength16 ? 4 : 10; at < end; ++at) {
      left_ = (left_ << 8) | header_[at];
    }
    if (left_ < (mark == kLength16 ? kLength16 : 0x10000) || left_ > INT64_MAX) {
      return Fail(ws_close::kProtocolError, "a length is not in its shortest form");
    }
  }
  if (masked) std::copy_n(header_.begin() + static_cast<long>(at), 4, mask_.begin());
  mask_at_ = 0;
  in_payload_ = true;
  if (IsControl(frame_)) {
    control_.clear();
    if (!final_ || left_ > kControlMax) {
      return Fail(ws_close::kProtocolError, "a control frame is fragmented or too long");
    }
    return Ok();
  }
  if ((frame_ == WsOpcode::kContinuation) != message_open_) {
    return Fail(ws_close::kProtocolError, "fragments are out of order");
  }
  if (left_ > message_bytes_max_ - std::min(message_bytes_max_, message_.size())) {
    return Fail(ws_close::kTooBig,
                "a message is over " + std::to_string(message_bytes_max_) + " bytes");
  }
  if (!message_open_) message_kind_ = frame_;
  message_open_ = true;
  return Ok();
}

void WsDecoder::DropMessages() {
  dropping_ = true;
  message_ = std::string();
}

Result<void> WsDecoder::TakePayload(std::string_view piece) {
  if (piece.empty() || (dropping_ && !IsControl(frame_))) return Ok();
  std::string& target = IsControl(frame_) ? control_ : message_;
  const size_t before = target.size();
  target.append(piece);
  if (end_ == End::kServer) ApplyMask(target.data() + before, piece.size(), mask_, mask_at_);
  mask_at_ = (mask_at_ + piece.size()) % 4;
  const bool text = !IsControl(frame_) && message_kind_ == WsOpcode::kText;
  if (text && !utf8_.Feed(std::string_view(target).substr(before))) {
    return Fail(ws_close::kBadData, "a text message is not UTF-8");
  }
  return Ok();
}

Result<bool> WsDecoder::FinishFrame() {
  item_ = WsItem{frame_, control_, ws_close::kNone};
  if (IsControl(frame_)) {
    if (frame_ == WsOpcode::kClose) RETURN_IF_ERROR(FinishClose());
    return true;
  }
  if (!final_) return false;
  if (message_kind_ == WsOpcode::kText && !dropping_ && !utf8_.complete()) {
    return Fail(ws_close::kBadData, "a text message is not UTF-8");
  }
  message_open_ = false;
  message_done_ = true;
  item_ = WsItem{message_kind_, message_, ws_close::kNone};
  return true;
}

Result<void> WsDecoder::FinishClose() {
  if (control_.empty()) return Ok();
  if (control_.size() == 1) return Fail(ws_close::kProtocolError, "half a close code");
  item_.close_code = static_cast<uint16_t>(static_cast<uint8_t>(control_[0]) << 8 |
                                           static_cast<uint8_t>(control_[1]));
  item_.data = std::string_view(control_).substr(2);
  if (!IsSendableCode(item_.close_code)) {
    return Fail(ws_close::kProtocolError, "a close code that must not be sent");
  }
  if (!IsUtf8(item_.data)) return Fail(ws_close::kBadData, "a close reason is not UTF-8");
  return Ok();
}

void AppendWsFrame(std::string* out, WsOpcode opcode, std::string_view payload,
                   const WsMask* mask) {
  const uint8_t mask_bit = mask == nullptr ? 0 : 0x80;
  const auto add = [out](uint64_t byte) { out->push_back(static_cast<char>(byte & 0xff)); };
  out->reserve(out->size() + payload.size() + 14);
  add(0x80 | static_cast<uint8_t>(opcode));
  const uint64_t size = payload.size();
  if (size < kLength16) {
    add(mask_bit | size);
  } else {
    const bool wide = size > 0xffff;
    add(mask_bit | (wide ? kLength64 : kLength16));
    for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8) add(size >> shift);
  }
  if (mask != nullptr) out->append(reinterpret_cast<const char*>(mask->data()), mask->size());
  const size_t before = out->size();
  out->append(payload);
  if (mask != nullptr) ApplyMask(out->data() + before, payload.size(), *mask, 0);
}

std::string WsClosePayload(uint16_t code, std::string_view reason) {
  if (code == ws_close::kNone) return {};
  std::string out = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  size_t size = std::min(reason.size(), kControlMax - 2);
  while (size != 0 && !IsUtf8(reason.substr(0, size))) --size;
  return out.append(reason.substr(0, size));
}

}  // namespace cove::codec
