#include "http/http2_server.h"

#include <exception>

#include "base/text.h"
#include "http/http2_fields.h"
#include "http/server_connection.h"
#include "log/log.h"

namespace cove::http::internal {
namespace {

bool StatusHasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

Http2Limits LimitsFrom(const ServerLimits& limits) {
  Http2Limits out;
  out.head_bytes_max = limits.head_bytes_max;
  out.idle_timeout = limits.idle_timeout;
  out.write_timeout = limits.body_timeout;
  return out;
}

}  // namespace

Http2Exchange::Http2Exchange(Http2StreamPtr stream, const ServerLimits& limits,
                             const std::string& peer)
    : stream_(std::move(stream)),
      limits_(limits),
      peer_(peer),
      body_(stream_, limits.body_timeout) {
  body_.ReadLength();
  body_.set_bytes_max(limits.body_bytes_max);
  request_ = ToRequest(std::move(stream_->head), "https");
  expect_pending_ = body_.length() != 0 && request_.headers.HasToken("expect", "100-continue");
}

Task<Result<size_t>> Http2Exchange::Body::Read(std::span<char> buffer) {
  Http2Exchange& x = *exchange_;
  if (x.expect_pending_ && !x.answered_ && x.stream_->session != nullptr) {
    x.expect_pending_ = false;
    CO_RETURN_IF_ERROR(x.stream_->session->SubmitContinue(*x.stream_));
  }
  co_return co_await x.body_.Read(buffer);
}

Task<Result<BodyWriter*>> Http2Exchange::StartResponse(ResponseHead head) {
  if (answered_) co_return Error(Code::kInternal, "the request is answered already");
  if (head.status < 200) co_return Error(Code::kInternal, "an answer's status is 200 or more");
  if (stream_->session == nullptr) co_return Error(Code::kClosed, "the stream was ended");
  CO_RETURN_IF_ERROR(Sound(head.headers));
  const bool none = request_.method == "HEAD" || StatusHasNoBody(head.status);
  Http2Pairs pairs;
  pairs.Add(":status", std::to_string(head.status));
  if (!head.headers.Has("Date")) pairs.Add("date", HttpDate());
  pairs.AddAll(head.headers);
  CO_RETURN_IF_ERROR(stream_->session->SubmitResponse(
      *stream_, pairs, none ? Http2Session::BodyFollows::kNo : Http2Session::BodyFollows::kYes));
  answered_ = true;
  writer_.emplace(stream_, limits_.body_timeout, none);
  co_return &*writer_;
}

Task<Result<void>> Http2Exchange::Respond(ResponseHead head, std::string body) {
  const bool keep = request_.method == "HEAD" && body.empty() && head.headers.Has("Content-Length");
  if (!keep) head.headers.Remove("Content-Length");
  if (!keep && !StatusHasNoBody(head.status)) {
    head.headers.Add("Content-Length", std::to_string(body.size()));
  }
  CO_RETURN_IF_ERROR(co_await StartResponse(std::move(head)));
  co_return co_await writer_->WriteLast(body);
}

Task<Result<net::StreamPtr>> Http2Exchange::TakeOver(ResponseHead) {
  co_return Error(Code::kInvalid, "an HTTP/2 stream cannot be taken over");
}

Task<void> Http2Exchange::PeerClosed() {
  while (!stream_->closed) co_await stream_->changed.Wait();
}

Task<void> Http2Exchange::Settle() {
  if (!answered_ && !stream_->closed) {
    ResponseHead head;
    head.status = 500;
    head.headers.Add("Content-Type", "text/plain; charset=utf-8");
    (void)co_await Respond(std::move(head), std::string(ReasonPhrase(500)) + "\n");
  }
  if (!writer_ || !writer_->finished()) {
    stream_->Reset(kH2InternalError);
    co_return;
  }
  // The answer is whole and nobody will read the rest of the request (RFC 9113 section 8.1).
  while (!stream_->closed && !stream_->head_sent) co_await stream_->changed.Wait();
  if (!stream_->in_ended) stream_->Reset(kH2NoError);
}

Http2Server::Http2Server(const Handler& handler, const Refused& refused, const Admit& admit,
                         const ServerLimits& limits, net::StreamPtr stream, std::string peer)
    : Http2Session(Side::kServer, std::move(stream), LimitsFrom(limits)),
      handler_(handler),
      refused_(refused),
      admit_(admit),
      limits_(limits),
      peer_(std::move(peer)) {}

void Http2Server::OnHead(Http2Stream& stream) {
  if (stream.head_too_large) {
    RefuseLargeHead(stream);
    return;
  }
  std::shared_ptr<void> place = admit_ ? admit_() : nullptr;
  if (admit_ && place == nullptr) {
    stream.head = {};
    stream.Reset(kH2RefusedStream);
    return;
  }
  auto call = std::make_unique<Call>(Shared(stream), limits_, peer_);
  Call* made = call.get();
  made->place = std::move(place);
  calls_[stream.id] = std::move(call);
  made->task.Spawn(Serve(made));
}

void Http2Server::RefuseLargeHead(Http2Stream& stream) {
  constexpr int kStatus = 431;
  auto [type, body] = MakeRefusal(refused_, kStatus, "the head of the request is over the limit");
  const bool none = stream.head.method == "HEAD";
  Http2Pairs pairs;
  pairs.Add(":status", std::to_string(kStatus));
  pairs.Add("content-type", type);
  pairs.Add("content-length", std::to_string(body.size()));
  stream.head = {};
  stream.refusal = std::move(body);
  stream.out = stream.refusal;
  stream.out_ending = true;
  (void)SubmitResponse(stream, pairs, none ? BodyFollows::kNo : BodyFollows::kYes);
}

void Http2Server::OnClosed(Http2Stream& stream) {
  const auto it = calls_.find(stream.id);
  if (it == calls_.end()) return;
  const bool whole = stream.error_code == kH2NoError;
  // A handler whose answer is whole comes to its own end.
  if (!whole || it->second->done) to_drop_.push_back(stream.id);
  Wake();
}

void Http2Server::OnRefused(std::string_view why) {
  if (refused_) (void)refused_(400, why);
}

void Http2Server::Sweep() {
  for (const int32_t id : std::exchange(to_drop_, {})) calls_.erase(id);
}

Task<void> Http2Server::Serve(Call* call) {
  std::string thrown;
  try {
    co_await handler_(call->exchange);
  } catch (const std::exception& e) {
    thrown = e.what();
  }
  if (!thrown.empty()) log::Error("http.handler_threw", {{"what", thrown}});
  co_await call->exchange.Settle();
  call->done = true;
  if (call->stream->closed) to_drop_.push_back(call->stream->id);
  Wake();
}

}  // namespace cove::http::internal
