// HTTP/1.x on the wire (RFC 9112): heads and body framing, as bytes in and events out.
//
// Concept: every decoder here takes bytes from the front of a view (which it moves on), in pieces
// of any size, and gives the same events however the bytes were cut. It is strict: whatever two
// programs could read in two ways (and so smuggle a request past one of them) is refused: bare CR
// or LF, folded lines, blanks before a colon, two lengths, a length beside a transfer coding, any
// coding but chunked, a missing or second Host. Memory is bounded by the limits.
// Errors: kTooLarge for what is over a limit, kInvalid for the rest. After an error a decoder is
// not used again. Thread: values without sharing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::codec {

struct Http1Limits {
  size_t head_bytes_max = 64 * 1024;
  size_t fields_max = 256;
};

struct Http1Field {
  std::string_view name;
  std::string_view value;  // without the blanks around it
};

// A parsed head; the views live until the parser's next Reset().
struct Http1Head {
  std::string_view method;  // of a request
  std::string_view target;
  int status = 0;         // of a response
  int minor_version = 1;  // HTTP/1.0 or HTTP/1.1
  std::vector<Http1Field> fields;
  bool chunked = false;
  bool has_length = false;
  uint64_t length = 0;
  bool keep_alive = true;  // what version and Connection say
  bool expect_continue = false;
};

class Http1HeadParser {
 public:
  enum class Kind { kRequest, kResponse };
  explicit Http1HeadParser(Kind kind, Http1Limits limits = {}) : kind_(kind), limits_(limits) {}

  // Takes bytes up to the end of the head; true when it is complete (what follows stays in *in).
  Result<bool> Next(std::string_view* in);
  // REQUIRES: Next() gave true.
  const Http1Head& head() const { return head_; }
  // Whether a byte of a head was seen since Reset().
  bool started() const { return !buffer_.empty(); }
  void Reset();

 private:
  struct Span {
    size_t offset = 0;
    size_t size = 0;
  };
  struct FieldSpan {
    Span name;
    Span value;
  };
  Result<void> TakeLine(std::string_view line, size_t offset);
  Result<void> TakeRequestLine(std::string_view line, size_t offset);
  Result<void> TakeStatusLine(std::string_view line);
  Result<void> TakeField(std::string_view line, size_t offset);
  Result<void> Complete();
  std::string_view View(Span span) const {
    return std::string_view(buffer_).substr(span.offset, span.size);
  }

  Kind kind_;
  Http1Limits limits_;
  std::string buffer_;
  size_t line_start_ = 0;
  bool have_start_line_ = false;
  Span method_;
  Span target_;
  std::vector<FieldSpan> spans_;
  Http1Head head_;
};

// How a body ends.
class Http1BodyDecoder {
 public:
  static Http1BodyDecoder None() { return {Kind::kLength, 0}; }
  static Http1BodyDecoder OfLength(uint64_t bytes) { return {Kind::kLength, bytes}; }
  static Http1BodyDecoder Chunked() { return {Kind::kChunked, 0}; }
  static Http1BodyDecoder UntilClose() { return {Kind::kUntilClose, 0}; }
  static Http1BodyDecoder OfRequest(const Http1Head& head);
  // `request_method` is what was asked: an answer to HEAD has no body, whatever it announces.
  static Http1BodyDecoder OfResponse(const Http1Head& head, std::string_view request_method);

  // The next piece of the body, at most `max` bytes, as a view into *in, which is moved past it.
  // Empty: *in is used up, or the body is done().
  Result<std::string_view> Next(std::string_view* in, size_t max = SIZE_MAX);
  bool done() const { return done_; }
  bool until_close() const { return kind_ == Kind::kUntilClose; }
  // How many bytes of body come next without framing between them (0: framing is next).
  uint64_t contiguous() const {
    if (kind_ == Kind::kUntilClose) return UINT64_MAX;
    return kind_ == Kind::kLength || state_ == State::kData ? left_ : 0;
  }
  // The connection ended: kClosed unless the body is whole.
  Result<void> End();

 private:
  enum class Kind { kLength, kChunked, kUntilClose };
  enum class State { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kTrailerLf };
  Http1BodyDecoder(Kind kind, uint64_t left)
      : kind_(kind), left_(left), done_(kind == Kind::kLength && left == 0) {}
  Result<void> TakeFraming(char c);
  Result<void> TakeSizeDigit(char c);
  Result<void> TakeTrailer(char c);

  Kind kind_;
  State state_ = State::kSize;
  uint64_t left_;  // of the body, or of the chunk
  bool done_;
  int size_digits_ = 0;
  size_t line_bytes_ = 0;     // of the chunk's extension or of the trailer's line
  size_t trailer_bytes_ = 0;  // of all trailers
};

// Composes a head. Anything that would change the framing of lines (CR, LF, NUL, a bad name) is
// refused by Finish(), whatever order things were added in.
class Http1HeadWriter {
 public:
  static Http1HeadWriter Request(std::string_view method, std::string_view target);
  static Http1HeadWriter Response(int status, std::string_view reason);
  void Field(std::string_view name, std::string_view value);
  // The head with its empty line. kInvalid names the bad part, never its value.
  Result<std::string> Finish();

 private:
  std::string out_;
  std::string bad_;  // name of the first bad part
};

// "1a\r\n", to go before a chunk of that many bytes (which is followed by CRLF).
std::string Http1ChunkHeader(uint64_t bytes);
inline constexpr std::string_view kHttp1LastChunk = "0\r\n\r\n";

bool IsHttpToken(std::string_view text);
// Of the characters that a request target may have; not whether it is one of its four forms.
bool IsHttpTarget(std::string_view text);
// Visible ASCII, blanks and bytes above 127: what a field value may hold.
bool IsHttpFieldValue(std::string_view text);

}  // namespace cove::codec
