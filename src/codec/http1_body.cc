// The framing of bodies: by length, by chunks, by the end of the connection.
#include <algorithm>

#include "codec/http1.h"

namespace cove::codec {
namespace {

constexpr int kSizeDigitsMax = 15;             // 2^60 bytes: no overflow of the counter
constexpr size_t kExtensionBytesMax = 1024;    // per chunk
constexpr size_t kTrailerBytesMax = 8 * 1024;  // of all trailers together

Error Bad(std::string_view what) { return {Code::kInvalid, "HTTP body: " + std::string(what)}; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsText(char c) { return IsHttpFieldValue(std::string_view(&c, 1)); }

}  // namespace

Http1BodyDecoder Http1BodyDecoder::OfRequest(const Http1Head& head) {
  return head.chunked ? Chunked() : OfLength(head.length);
}

Http1BodyDecoder Http1BodyDecoder::OfResponse(const Http1Head& head,
                                              std::string_view request_method) {
  const bool bodyless = head.status < 200 || head.status == 204 || head.status == 304;
  const bool tunnel = request_method == "CONNECT" && head.status < 300;
  if (bodyless || tunnel || request_method == "HEAD") return None();
  if (head.chunked) return Chunked();
  return head.has_length ? OfLength(head.length) : UntilClose();
}

Result<std::string_view> Http1BodyDecoder::Next(std::string_view* in, size_t max) {
  while (!in->empty() && !done_) {
    if (kind_ == Kind::kChunked && state_ != State::kData) {
      const char c = in->front();
      in->remove_prefix(1);
      RETURN_IF_ERROR(TakeFraming(c));
      continue;
    }
    const size_t size =
        static_cast<size_t>(std::min<uint64_t>(std::min(in->size(), max), contiguous()));
    const std::string_view data = in->substr(0, size);
    in->remove_prefix(size);
    if (kind_ != Kind::kUntilClose) left_ -= size;
    if (left_ == 0 && kind_ == Kind::kLength) done_ = true;
    if (left_ == 0 && kind_ == Kind::kChunked) state_ = State::kDataCr;
    return data;
  }
  return std::string_view();
}

Result<void> Http1BodyDecoder::End() {
  if (kind_ == Kind::kUntilClose) done_ = true;
  if (done_) return Ok();
  return Error(Code::kClosed, "HTTP body: the connection ended before the body did");
}

Result<void> Http1BodyDecoder::TakeFraming(char c) {
  switch (state_) {
    case State::kSize:
      return TakeSizeDigit(c);
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
      } else if (!IsText(c)) {
        return Bad("a chunk extension holds control characters");
      } else if (++line_bytes_ > kExtensionBytesMax) {
        return Error(Code::kTooLarge, "HTTP body: a chunk extension is too long");
      }
      return Ok();
    case State::kSizeLf:
      if (c != '\n') return Bad("a chunk size line ends without LF");
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      size_digits_ = 0;
      line_bytes_ = 0;
      return Ok();
    case State::kDataCr:
      if (c != '\r') return Bad("a chunk is longer than its size says");
      state_ = State::kDataLf;
      return Ok();
    case State::kDataLf:
      if (c != '\n') return Bad("a chunk ends without LF");
      state_ = State::kSize;
      return Ok();
    case State::kTrailer:
      return TakeTrailer(c);
    case State::kTrailerLf:
      if (c != '\n') return Bad("a trailer line ends without LF");
      done_ = line_bytes_ == 0;
      line_bytes_ = 0;
      state_ = State::kTrailer;
      return Ok();
    case State::kData:
      break;
  }
  return Ok();
}

Result<void> Http1BodyDecoder::TakeSizeDigit(char c) {
  if (const int digit = HexDigit(c); digit >= 0) {
    if (++size_digits_ > kSizeDigitsMax) return Bad("a chunk size is too long");
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
    return Ok();
  }
  if (size_digits_ == 0) return Bad("a chunk size is missing");
  if (c != '\r' && c != ';') return Bad("a chunk size is not hexadecimal");
  state_ = c == ';' ? State::kExtension : State::kSizeLf;
  return Ok();
}

// Trailers are checked and dropped: nothing here may act on a field that came after the body.
Result<void> Http1BodyDecoder::TakeTrailer(char c) {
  if (c == '\r') {
    state_ = State::kTrailerLf;
    return Ok();
  }
  if (!IsText(c)) return Bad("a trailer holds control characters");
  ++line_bytes_;
  if (++trailer_bytes_ > kTrailerBytesMax) {
    return Error(Code::kTooLarge, "HTTP body: the trailers are too long");
  }
  return Ok();
}

std::string Http1ChunkHeader(uint64_t bytes) {
  char text[20];
  char* const end = text + sizeof text;
  char* at = end;
  *--at = '\n';
  *--at = '\r';
  do {
    *--at = "0123456789abcdef"[bytes & 15];
    bytes >>= 4;
  } while (bytes != 0);
  return {at, end};
}

}  // namespace cove::codec
