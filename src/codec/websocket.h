// WebSocket framing (RFC 6455): frames in pieces of any size become whole messages and control
// frames. No extensions. Thread: values without sharing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/utf8.h"

namespace cove::codec {

enum class WsOpcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

namespace ws_close {
inline constexpr uint16_t kNormal = 1000;
inline constexpr uint16_t kGoingAway = 1001;
inline constexpr uint16_t kProtocolError = 1002;
inline constexpr uint16_t kNone = 1005;      // never sent: the frame held no code
inline constexpr uint16_t kAbnormal = 1006;  // never sent: there was no close frame
inline constexpr uint16_t kBadData = 1007;
inline constexpr uint16_t kPolicy = 1008;
inline constexpr uint16_t kTooBig = 1009;
inline constexpr uint16_t kInternal = 1011;
}  // namespace ws_close

// A whole message (kText, kBinary) or a control frame.
struct WsItem {
  WsOpcode opcode = WsOpcode::kBinary;
  std::string_view data;  // of a close: its reason. Lives until the next call of Next()
  uint16_t close_code = ws_close::kNone;
};

class WsDecoder {
 public:
  // Which end reads here: a server takes masked frames only, a client unmasked ones only.
  enum class End { kServer, kClient };
  WsDecoder(End end, size_t message_bytes_max) : end_(end), message_bytes_max_(message_bytes_max) {}

  // Takes bytes from the front of *in until an item is whole (true) or *in is used up. kInvalid,
  // kTooLarge: the connection must end, with error_code() in the close frame.
  Result<bool> Next(std::string_view* in);
  const WsItem& item() const { return item_; }
  // The buffer of the message that item() shows, for taking it without a copy.
  std::string& message() { return message_; }
  // From now on messages are taken without being kept: each is shown empty.
  void DropMessages();
  // How much has come of a message that is not whole.
  size_t pending() const { return message_done_ ? 0 : message_.size(); }
  uint16_t error_code() const { return error_code_; }

 private:
  static constexpr size_t kHeaderMax = 14;
  size_t HeaderSize() const;
  Result<void> TakeHeader();
  Result<void> TakePayload(std::string_view piece);
  Result<bool> FinishFrame();
  Result<void> FinishClose();
  Error Fail(uint16_t code, std::string_view why);

  End end_;
  size_t message_bytes_max_;
  std::array<uint8_t, kHeaderMax> header_{};
  size_t header_size_ = 0;
  bool in_payload_ = false;
  bool final_ = false;
  WsOpcode frame_ = WsOpcode::kBinary;
  uint64_t left_ = 0;
  size_t mask_at_ = 0;
  std::array<uint8_t, 4> mask_{};
  bool message_open_ = false;  // fragments to come
  bool message_done_ = false;  // shown; cleared by the next call
  bool dropping_ = false;
  WsOpcode message_kind_ = WsOpcode::kBinary;
  std::string message_;
  std::string control_;
  Utf8Checker utf8_;
  WsItem item_;
  uint16_t error_code_ = ws_close::kProtocolError;
};

using WsMask = std::array<uint8_t, 4>;

// Appends one final frame; a client gives a fresh random mask, a server none.
void AppendWsFrame(std::string* out, WsOpcode opcode, std::string_view payload,
                   const WsMask* mask = nullptr);
// The payload of a close frame; the reason is cut to fit, at a character's end.
std::string WsClosePayload(uint16_t code, std::string_view reason);

}  // namespace cove::codec
