#include "http/http2_stream.h"

#include <algorithm>

#include "base/text.h"
#include "http/http2_session.h"

namespace cove::http::internal {
namespace {

Error Ended(const Http2Stream& stream) {
  return {Code::kClosed, "the HTTP/2 stream was ended (" + Http2ErrorName(stream.error_code) + ")"};
}

TimePoint After(Duration timeout) { return timeout == Duration::zero() ? kNever : Now() + timeout; }

}  // namespace

void Http2Stream::Reset(uint32_t code) {
  if (session != nullptr && !closed) session->ResetStream(*this, code);
}

void Http2Body::ReadLength() {
  const auto given = stream_->head.fields.Get("content-length");
  if (given) length_ = ParseInt<uint64_t>(*given);
  if (!given && stream_->in_ended && stream_->in.empty()) length_ = 0;
}

Task<Result<size_t>> Http2Body::Read(std::span<char> buffer) {
  Http2Stream& s = *stream_;
  while (s.in.empty()) {
    if (s.in_ended) co_return size_t{0};
    if (s.closed) co_return Ended(s);
    if (!co_await s.changed.Wait(After(timeout_))) {
      co_return Error(Code::kTimeout, "the body took too long");
    }
  }
  const size_t n = std::min(buffer.size(), s.in.size() - s.in_taken);
  if (n > left_max_) co_return Error(Code::kTooLarge, "the body is over the limit");
  left_max_ -= n;
  std::copy_n(s.in.data() + s.in_taken, n, buffer.data());
  s.in_taken += n;
  if (s.in_taken == s.in.size()) {
    s.in = std::string();
    s.in_taken = 0;
  }
  if (s.session != nullptr && !s.closed) s.session->Consumed(s, n);
  co_return n;
}

// The bytes that `out` shows are the caller's: they must not be seen any more when it has gone.
Task<Result<void>> Http2Writer::WaitTaken() {
  struct Guard {
    Http2Stream& stream;
    ~Guard() {
      if (stream.out.empty()) return;
      stream.out = {};
      stream.Reset(kH2InternalError);
    }
  } guard{*stream_};
  Http2Stream& s = *stream_;
  if (s.session == nullptr || s.closed) co_return Ended(s);
  s.session->ResumeBody(s);
  while (!s.out.empty() || (s.out_ending && !s.out_done)) {
    if (s.closed) co_return Ended(s);
    if (!co_await s.changed.Wait(After(timeout_))) {
      co_return Error(Code::kTimeout, "writing took too long");
    }
  }
  co_return Ok();
}

Task<Result<void>> Http2Writer::Write(std::string_view bytes) {
  if (finished_ || broken_) co_return Error(Code::kInternal, "the body has ended already");
  if (bytes.empty() || discard_) co_return Ok();
  broken_ = true;  // unless this write comes to its end
  stream_->out = bytes;
  CO_RETURN_IF_ERROR(co_await WaitTaken());
  broken_ = false;
  co_return Ok();
}

Task<Result<void>> Http2Writer::Finish() { return FinishWith({}); }

Task<Result<void>> Http2Writer::WriteLast(std::string_view bytes) {
  if (finished_ || broken_) co_return Error(Code::kInternal, "the body has ended already");
  if (!discard_) stream_->out = bytes;
  co_return co_await FinishWith({});
}

Task<Result<void>> Http2Writer::FinishWith(Headers trailers) {
  if (finished_ || broken_) co_return Error(Code::kInternal, "the body has ended already");
  if (!discard_) {
    broken_ = true;
    stream_->out_trailers = std::move(trailers);
    stream_->out_ending = true;
    CO_RETURN_IF_ERROR(co_await WaitTaken());
    broken_ = false;
  }
  finished_ = true;
  co_return Ok();
}

}  // namespace cove::http::internal
