// What the server and the client share below their headers: the bytes received and not yet used,
// a body read from a connection and a body written to one.
// Thread: loop-confined. Streams and inputs outlive the readers and writers on them.
#pragma once

#include "codec/http1.h"
#include "http/message.h"

namespace cove::http::internal {

// Bytes received and not used yet, of bounded size. The buffer grows with what comes at once: most
// connections wait more than they carry.
class Input {
 public:
  std::string_view view() const { return {buffer_.data() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  bool full() const { return end_ - begin_ == kBytesMax; }
  void Consume(size_t bytes) { begin_ += bytes; }
  // Reads once; 0 at the end of the stream. REQUIRES: !full().
  Task<Result<size_t>> Fill(net::ByteStream& stream);
  std::string Take();

 private:
  static constexpr size_t kBytesFirst = size_t{2} * 1024;
  static constexpr size_t kBytesMax = size_t{16} * 1024;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

class WireBody final : public BodyReader {
 public:
  WireBody(net::ByteStream* stream, Input* input, codec::Http1BodyDecoder decoder,
           std::optional<uint64_t> length, uint64_t bytes_max, Duration timeout)
      : stream_(stream),
        input_(input),
        decoder_(decoder),
        length_(length),
        left_max_(bytes_max),
        timeout_(timeout) {}

  Task<Result<size_t>> Read(std::span<char> buffer) override;
  std::optional<uint64_t> length() const override { return length_; }
  bool done() const { return decoder_.done(); }
  // What ended the body before its time, if anything did.
  const std::optional<Error>& failure() const { return failure_; }
  bool until_close() const { return decoder_.until_close(); }
  // Reads and drops the rest; true when it came to the body's end within the limits.
  Task<bool> Drain(uint64_t bytes_max, TimePoint deadline);

 private:
  Task<Result<size_t>> ReadSome(std::span<char> buffer);

  net::ByteStream* stream_;
  Input* input_;
  codec::Http1BodyDecoder decoder_;
  std::optional<uint64_t> length_;
  uint64_t left_max_;
  Duration timeout_;
  std::optional<Error> failure_;
};

class WireWriter final : public BodyWriter {
 public:
  enum class Framing { kDiscard, kLength, kChunked, kUntilClose };
  WireWriter(net::ByteStream* stream, Framing framing, uint64_t length = 0)
      : stream_(stream), framing_(framing), left_(length) {}

  Task<Result<void>> Write(std::string_view bytes) override;
  Task<Result<void>> Finish() override;
  // Whether the peer has a whole body.
  bool finished() const { return finished_; }
  Framing framing() const { return framing_; }

 private:
  Task<Result<void>> WriteChunk(std::string_view bytes);

  net::ByteStream* stream_;
  Framing framing_;
  uint64_t left_;
  bool finished_ = false;
  bool broken_ = false;
};

// The head's fields without those that frame the message or belong to one connection only; the
// caller writes these itself.
bool IsFramingField(std::string_view name);

Headers CopyFields(const codec::Http1Head& head);

}  // namespace cove::http::internal
