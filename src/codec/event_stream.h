// EventStream: the messages of Amazon's event stream encoding out of bytes in pieces of any size.
// Source: "Amazon Event Stream specification" (smithy.io): total length, length of the headers and
// their checksum, headers, payload, checksum of all; numbers are big-endian, checksums CRC-32.
//
// Lengths that fail their checksum or a bound end the reading (failed()): the next message could
// not be found. A message that is not sound between good lengths is skipped, as one that is over
// the limit; what follows is read. Thread: loop-confined, no I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cove::codec {

struct StreamMessage {
  // Headers of type string; empty when absent. The texts live until the function returns.
  std::string_view message_type;    // ":message-type": event, exception, error
  std::string_view event_type;      // ":event-type"
  std::string_view exception_type;  // ":exception-type"
  std::string_view payload;
};

class EventStream {
 public:
  using OnMessage = std::function<void(const StreamMessage&)>;
  static constexpr size_t kMessageBytesMax = 24 * 1024 * 1024;  // as the encoding has it
  static constexpr size_t kHeaderBytesMax = 128 * 1024;

  explicit EventStream(OnMessage on_message, size_t held_bytes_max = size_t{1024} * 1024)
      : on_message_(std::move(on_message)), held_bytes_max_(held_bytes_max) {}
  void Feed(std::string_view bytes);
  bool failed() const { return failed_; }
  // Between two messages: a stream may end here.
  bool at_boundary() const { return !failed_ && buffer_.empty() && skip_ == 0; }
  uint64_t skipped() const { return skipped_; }  // messages, for either reason

 private:
  bool TakePrelude();
  void TakeMessage();

  OnMessage on_message_;
  size_t held_bytes_max_;
  std::string buffer_;  // of the message under way
  size_t total_ = 0;    // its length, once the prelude is here
  size_t headers_ = 0;
  size_t skip_ = 0;  // bytes of a message that is not held
  uint64_t skipped_ = 0;
  bool failed_ = false;
};

// CRC-32 as gzip and Ethernet have it.
uint32_t Crc32(std::string_view bytes);

}  // namespace cove::codec
