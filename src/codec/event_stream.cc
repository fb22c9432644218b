#include "codec/event_stream.h"

#include <algorithm>
#include <array>
#include <optional>

namespace cove::codec {

namespace {

constexpr size_t kPrelude = 12;  // both lengths and their checksum
constexpr size_t kTrailer = 4;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> out{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xedb88320U ^ (c >> 1) : c >> 1;
    out[i] = c;
  }
  return out;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

uint32_t Number(std::string_view bytes) {
  uint32_t out = 0;
  for (const char c : bytes.substr(0, 4)) out = out << 8 | static_cast<uint8_t>(c);
  return out;
}

// The bytes of a header's value by its type (the specification's table); nothing for a string and a
// byte array, which tell their length.
std::optional<size_t> FixedSize(uint8_t type) {
  constexpr std::array<size_t, 6> kSizes = {0, 0, 1, 2, 4, 8};  // true, false, byte … long
  if (type < kSizes.size()) return kSizes[type];
  if (type == 8) return 8;   // timestamp
  if (type == 9) return 16;  // UUID
  return std::nullopt;
}

constexpr uint8_t kBytes = 6;
constexpr uint8_t kString = 7;

// False when the headers are not sound.
bool ReadHeaders(std::string_view headers, StreamMessage& out) {
  while (!headers.empty()) {
    const size_t name_size = static_cast<uint8_t>(headers[0]);
    if (name_size == 0 || headers.size() < 2 + name_size) return false;
    const std::string_view name = headers.substr(1, name_size);
    const auto type = static_cast<uint8_t>(headers[1 + name_size]);
    headers.remove_prefix(2 + name_size);
    auto size = FixedSize(type);
    if (!size) {
      if ((type != kBytes && type != kString) || headers.size() < 2) return false;
      size = Number(headers.substr(0, 2));
      headers.remove_prefix(2);
    }
    if (headers.size() < *size) return false;
    const std::string_view value = headers.substr(0, *size);
    headers.remove_prefix(*size);
    if (type != kString) continue;
    if (name == ":message-type") out.message_type = value;
    if (name == ":event-type") out.event_type = value;
    if (name == ":exception-type") out.exception_type = value;
  }
  return true;
}

}  // namespace

uint32_t Crc32(std::string_view bytes) {
  uint32_t c = 0xffffffffU;
  for (const char byte : bytes) c = kCrcTable[(c ^ static_cast<uint8_t>(byte)) & 0xff] ^ (c >> 8);
  return ~c;
}

void EventStream::Feed(std::string_view bytes) {
  while (!bytes.empty() && !failed_) {
    if (skip_ != 0) {
      const size_t size = std::min(skip_, bytes.size());
      skip_ -= size;
      bytes.remove_prefix(size);
      continue;
    }
    const size_t want = total_ == 0 ? kPrelude : total_;
    const size_t size = std::min(want - buffer_.size(), bytes.size());
    buffer_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (buffer_.size() < want) return;
    if (total_ == 0) {
      failed_ = !TakePrelude();
    } else {
      TakeMessage();
    }
  }
}

bool EventStream::TakePrelude() {
  const std::string_view prelude = buffer_;
  total_ = Number(prelude);
  headers_ = Number(prelude.substr(4));
  if (Number(prelude.substr(8)) != Crc32(prelude.substr(0, 8))) return false;
  if (total_ > kMessageBytesMax || headers_ > kHeaderBytesMax) return false;
  if (total_ < kPrelude + headers_ + kTrailer) return false;
  if (total_ <= held_bytes_max_) return true;
  ++skipped_;
  skip_ = total_ - kPrelude;
  total_ = 0;
  buffer_.clear();
  return true;
}

void EventStream::TakeMessage() {
  const std::string_view all = buffer_;
  const std::string_view body = all.substr(0, total_ - kTrailer);
  StreamMessage message;
  if (Number(all.substr(total_ - kTrailer)) == Crc32(body) &&
      ReadHeaders(body.substr(kPrelude, headers_), message)) {
    message.payload = body.substr(kPrelude + headers_);
    on_message_(message);
  } else {
    ++skipped_;
  }
  total_ = 0;
  buffer_.clear();
}

}  // namespace cove::codec
