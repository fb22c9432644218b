#include "http/content_coding.h"

#include <zlib.h>
#include <zstd.h>

#include <array>

#include "base/text.h"

namespace cove::http {

namespace {

constexpr size_t kPieceBytes = 32 * 1024;
constexpr int kGzipOnly = 15 + 16;     // zlib.h, inflateInit2: the largest window, a gzip header
constexpr int kZstdWindowLogMax = 23;  // 8 MiB

class Gzip final : public Decoder {
 public:
  Gzip() { ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK; }
  ~Gzip() override {
    if (ready_) inflateEnd(&stream_);
  }
  Gzip(const Gzip&) = delete;

  Result<void> Feed(std::string_view bytes, const Sink& sink) override {
    if (!ready_) return Error(Code::kExhausted, "no memory to decode gzip");
    // zlib's interface is older than const; it does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    std::array<char, kPieceBytes> out;
    for (;;) {
      if (stream_.avail_in == 0 && !full_) return Ok();
      // Members may follow each other (RFC 1952 section 2.2).
      if (ended_ && stream_.avail_in != 0 && inflateReset(&stream_) != Z_OK) return Broken();
      if (stream_.avail_in != 0) ended_ = false;
      stream_.next_out = reinterpret_cast<Bytef*>(out.data());
      stream_.avail_out = kPieceBytes;
      const int got = inflate(&stream_, Z_NO_FLUSH);
      if (got != Z_OK && got != Z_STREAM_END && got != Z_BUF_ERROR) return Broken();
      ended_ = got == Z_STREAM_END;
      full_ = stream_.avail_out == 0 && !ended_;
      const size_t size = kPieceBytes - stream_.avail_out;
      if (size != 0) RETURN_IF_ERROR(sink({out.data(), size}));
      if (got == Z_BUF_ERROR) return Ok();
    }
  }
  bool whole() const override { return ended_; }

 private:
  static Error Broken() { return Error(Code::kInvalid, "the gzip data is broken"); }
  z_stream stream_{};
  bool ready_ = false;
  bool ended_ = false;
  bool full_ = false;  // more may come out without more input
};

class Zstd final : public Decoder {
 public:
  Zstd() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) return;
    (void)ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLogMax);
  }
  ~Zstd() override { ZSTD_freeDCtx(context_); }
  Zstd(const Zstd&) = delete;

  Result<void> Feed(std::string_view bytes, const Sink& sink) override {
    if (context_ == nullptr) return Error(Code::kExhausted, "no memory to decode zstd");
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::array<char, kPieceBytes> piece;
    bool full = false;
    while (in.pos < in.size || full) {
      ZSTD_outBuffer out{piece.data(), piece.size(), 0};
      const size_t left = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(left) != 0) {
        return Error(Code::kInvalid,
                     std::string("the zstd data is broken: ") + ZSTD_getErrorName(left));
      }
      ended_ = left == 0;
      full = out.pos == out.size && !ended_;
      if (out.pos != 0) RETURN_IF_ERROR(sink({piece.data(), out.pos}));
    }
    return Ok();
  }
  bool whole() const override { return ended_; }

 private:
  ZSTD_DCtx* context_;
  bool ended_ = false;
};

}  // namespace

Coding CodingOf(const Headers& headers) {
  std::string all;
  for (const auto& [name, value] : headers) {
    if (!EqualsIgnoreCase(name, "content-encoding")) continue;
    if (!all.empty()) all += ',';
    all += ToLower(Trim(value));
  }
  if (all.empty() || all == "identity") return Coding::kNone;
  if (all == "gzip" || all == "x-gzip") return Coding::kGzip;
  return all == "zstd" ? Coding::kZstd : Coding::kOther;
}

std::unique_ptr<Decoder> MakeDecoder(Coding coding) {
  if (coding == Coding::kGzip) return std::make_unique<Gzip>();
  return std::make_unique<Zstd>();
}

Result<std::string> DecodeAll(Coding coding, std::string_view bytes, size_t bytes_max) {
  std::string out;
  const auto decoder = MakeDecoder(coding);
  RETURN_IF_ERROR(decoder->Feed(bytes, [&](std::string_view piece) -> Result<void> {
    if (piece.size() > bytes_max - out.size()) {
      return Error(Code::kTooLarge,
                   "it is larger than " + std::to_string(bytes_max) + " bytes when decoded");
    }
    out += piece;
    return Ok();
  }));
  if (!decoder->whole()) return Error(Code::kInvalid, "the compressed data is cut");
  return out;
}

}  // namespace cove::http
