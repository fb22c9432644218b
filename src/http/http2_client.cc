#include "http/http2_client.h"

#include "base/text.h"
#include "http/http2_fields.h"

namespace cove::http::internal {
namespace {

constexpr size_t kUploadBytes = 64 * 1024;

// Towards a distant server the windows bound the speed: one window for each round trip.
Http2Limits LimitsFrom(const ClientLimits& limits) {
  Http2Limits out;
  out.head_bytes_max = limits.head_bytes_max;
  out.stream_window = 512 * 1024;
  out.connection_window = 8 * 1024 * 1024;
  out.idle_timeout = limits.idle_timeout;
  return out;
}

}  // namespace

Http2Client::Http2Client(net::StreamPtr stream, const ClientLimits& limits)
    : Http2Session(Side::kClient, std::move(stream), LimitsFrom(limits)) {}

Http2Response::Http2Response(std::shared_ptr<Http2Client> client,
                             std::shared_ptr<const ClientRequest> request)
    : client_(std::move(client)),
      request_(std::move(request)),
      stream_(std::make_shared<Http2Stream>()),
      body_(stream_, request_->body_timeout),
      writer_(stream_, request_->body_timeout, false) {}

Http2Response::~Http2Response() {
  upload_.Clear();
  stream_->Reset(kH2Cancel);
}

Task<Result<void>> Http2Response::Start() {
  Http2Pairs pairs;
  CO_RETURN_IF_ERROR(RequestPairs(*request_, pairs));
  if (!client_->open()) {
    untouched_ = true;
    co_return Error(Code::kClosed, "the HTTP/2 connection takes no new requests");
  }
  const bool body = request_->stream != nullptr || !request_->body.empty();
  CO_RETURN_IF_ERROR(client_->SubmitRequest(
      stream_, pairs, body ? Http2Session::BodyFollows::kYes : Http2Session::BodyFollows::kNo));
  if (body) upload_.Spawn(Upload());
  while (!stream_->head_done) {
    if (stream_->closed) {
      untouched_ = stream_->error_code == kH2RefusedStream;
      co_return Error(Code::kClosed,
                      "the server ended the stream: " + Http2ErrorName(stream_->error_code));
    }
    if (!co_await stream_->changed.Wait(request_->head_deadline)) {
      co_return Error(Code::kTimeout, "no answer came in time");
    }
  }
  if (stream_->head_too_large) co_return Error(Code::kTooLarge, "the answer's head is too large");
  const auto status = ParseInt<int>(stream_->head.status);
  if (!status || *status < 200 || *status > 999) {
    co_return Error(Code::kInvalid, "the answer has no sound status");
  }
  body_.ReadLength();
  head_ = {*status, std::move(stream_->head.fields)};
  co_return Ok();
}

Task<void> Http2Response::Upload() {
  Result<void> done;
  if (request_->stream != nullptr) {
    done = co_await UploadStream();
  } else {
    done = co_await writer_.Write(request_->body);
    if (done.ok()) done = co_await writer_.Finish();
  }
  // A body that is cut must not look whole.
  if (!done.ok()) stream_->Reset(kH2Cancel);
}

Task<Result<void>> Http2Response::UploadStream() {
  BodyReader& source = *request_->stream;
  std::vector<char> buffer(kUploadBytes);
  for (;;) {
    CO_ASSIGN_OR_RETURN(const size_t n, co_await source.Read(buffer));
    if (n == 0) break;
    CO_RETURN_IF_ERROR(co_await writer_.Write({buffer.data(), n}));
  }
  Headers trailers;
  if (source.trailers() != nullptr) trailers = *source.trailers();
  CO_RETURN_IF_ERROR(Sound(trailers));
  co_return co_await writer_.FinishWith(std::move(trailers));
}

}  // namespace cove::http::internal
