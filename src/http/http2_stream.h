// One stream of an HTTP/2 connection: what both ends keep of it, and its two bodies.
//
// Nothing is kept without bound: what was received waits within the stream's window, which grows
// again only as it is read; what is sent is copied from the writer's own bytes when the connection
// takes them, and Write() waits for that. Sources: RFC 9113. Internal to http. Thread:
// loop-confined.
#pragma once

#include "async/event.h"
#include "http/message.h"

namespace cove::http::internal {

class Http2Session;

// A head as it arrives: pseudo fields apart.
struct Http2Head {
  std::string method, scheme, authority, path, status;
  Headers fields;
};

struct Http2Stream {
  int32_t id = 0;
  Http2Session* session = nullptr;  // null once the connection has ended
  // Received.
  Http2Head head;
  bool head_done = false;
  size_t head_bytes = 0;
  size_t head_fields = 0;
  bool head_too_large = false;
  int interim_heads = 0;
  std::string in;
  size_t in_taken = 0;
  bool in_ended = false;
  Headers trailers;
  // To send.
  bool head_sent = false;
  std::string_view out;     // of a Write() under way
  bool out_ending = false;  // nothing comes after `out`
  std::string refusal;      // of a head that is too large: then `out` is this
  Headers out_trailers;
  bool out_done = false;  // the library has the end

  bool closed = false;
  bool connection_lost = false;  // closed because of it
  uint32_t error_code = 0;
  async::Event changed;

  // Ends the stream with RST_STREAM, unless it has ended.
  void Reset(uint32_t error_code);
};
using Http2StreamPtr = std::shared_ptr<Http2Stream>;

// RFC 9113 section 7.
inline constexpr uint32_t kH2NoError = 0;
inline constexpr uint32_t kH2ProtocolError = 1;
inline constexpr uint32_t kH2InternalError = 2;
inline constexpr uint32_t kH2RefusedStream = 7;
inline constexpr uint32_t kH2Cancel = 8;
inline constexpr uint32_t kH2EnhanceYourCalm = 11;

class Http2Body final : public BodyReader {
 public:
  Http2Body(Http2StreamPtr stream, Duration timeout)
      : stream_(std::move(stream)), timeout_(timeout) {}
  Task<Result<size_t>> Read(std::span<char> buffer) override;
  // 0 where the head was the end of the message.
  std::optional<uint64_t> length() const override { return length_; }
  const Headers* trailers() const override { return &stream_->trailers; }
  void set_bytes_max(uint64_t bytes) { left_max_ = bytes; }
  // Once the head is there.
  void ReadLength();

 private:
  Http2StreamPtr stream_;
  Duration timeout_;
  std::optional<uint64_t> length_;
  uint64_t left_max_ = UINT64_MAX;
};

class Http2Writer final : public BodyWriter {
 public:
  // `discard`: the message has no body (HEAD, 204, 304), whatever is written.
  Http2Writer(Http2StreamPtr stream, Duration timeout, bool discard)
      : stream_(std::move(stream)), timeout_(timeout), discard_(discard) {}
  Task<Result<void>> Write(std::string_view bytes) override;
  Task<Result<void>> Finish() override;
  Task<Result<void>> FinishWith(Headers trailers) override;
  // Write and Finish, in one frame where it fits.
  Task<Result<void>> WriteLast(std::string_view bytes);
  bool finished() const { return finished_; }

 private:
  Task<Result<void>> WaitTaken();

  Http2StreamPtr stream_;
  Duration timeout_;
  bool discard_;
  bool broken_ = false;
  bool finished_ = false;
};

}  // namespace cove::http::internal
