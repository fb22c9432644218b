#include "http/client_exchange.h"

#include "base/text.h"
#include "net/prefix_stream.h"

namespace cove::http::internal {
namespace {

constexpr size_t kGatherBytes = 64 * 1024;
constexpr int kInterimMax = 16;  // 1xx answers before the real one

bool MethodHasBody(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

ClientExchange::ClientExchange(ClientPool* pool, std::string origin, net::StreamPtr stream,
                               const ClientLimits& limits)
    : pool_(pool),
      origin_(std::move(origin)),
      stream_(std::move(stream)),
      parser_(codec::Http1HeadParser::Kind::kResponse, {limits.head_bytes_max}) {}

Result<std::string> ClientExchange::ComposeHead() const {
  const ClientRequest& request = *request_;
  auto writer = codec::Http1HeadWriter::Request(request.method, request.url.target);
  if (!request.headers.Has("Host")) writer.Field("Host", request.url.HostHeader());
  for (const auto& [name, value] : request.headers) {
    const bool connection = EqualsIgnoreCase(name, "Connection");
    if (connection || !IsFramingField(name)) writer.Field(name, value);
  }
  if (request.stream != nullptr) {
    if (const auto length = request.stream->length()) {
      writer.Field("Content-Length", std::to_string(*length));
    } else {
      writer.Field("Transfer-Encoding", "chunked");
    }
  } else if (!request.body.empty() || MethodHasBody(request.method)) {
    writer.Field("Content-Length", std::to_string(request.body.size()));
  }
  return writer.Finish();
}

Task<Result<void>> ClientExchange::Start(std::shared_ptr<const ClientRequest> request) {
  request_ = std::move(request);
  CO_ASSIGN_OR_RETURN(std::string head, ComposeHead());
  stream_->set_write_timeout(request_->body_timeout);
  if (request_->stream == nullptr && request_->body.size() <= kGatherBytes) {
    head += request_->body;
    uploaded_ = co_await stream_->Write(head);
  } else {
    upload_.Spawn(Upload(std::move(head)));
  }
  auto answered = co_await ReadHead();
  if (answered) {
    TakeAnswer();
    co_return Ok();
  }
  // What went wrong first explains more than that no answer came.
  const bool upload_failed = uploaded_ && !uploaded_->ok();
  Error error = upload_failed ? std::move(*uploaded_).error() : std::move(answered).error();
  upload_.Clear();
  co_return std::move(error).Wrap(request_->method + " to " + request_->url.HostHeader());
}

Task<void> ClientExchange::Upload(std::string head) {
  Result<void> done = co_await stream_->Write(head);
  if (done.ok() && request_->stream == nullptr) {
    done = co_await stream_->Write(request_->body);
  } else if (done.ok()) {
    done = co_await UploadStream(request_->stream);
  }
  // A body that is cut must not leave the server waiting for the rest.
  if (!done.ok()) (void)co_await stream_->CloseWrite();
  uploaded_ = std::move(done);
}

Task<Result<void>> ClientExchange::UploadStream(BodyReader* source) {
  using Framing = WireWriter::Framing;
  const auto length = source->length();
  WireWriter writer(stream_.get(), length ? Framing::kLength : Framing::kChunked,
                    length.value_or(0));
  std::vector<char> buffer(kGatherBytes);
  for (;;) {
    CO_ASSIGN_OR_RETURN(const size_t n, co_await source->Read(buffer));
    if (n == 0) co_return co_await writer.Finish();
    CO_RETURN_IF_ERROR(co_await writer.Write({buffer.data(), n}));
  }
}

Task<Result<void>> ClientExchange::ReadHead() {
  const TimePoint deadline = request_->head_deadline;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const bool whole, TakeInput());
    if (whole) co_return Ok();
    Duration left{};  // none: waits for ever
    if (deadline != kNever) {
      left = deadline - Now();
      if (left <= Duration::zero()) co_return Error(Code::kTimeout, "no answer came in time");
    }
    stream_->set_read_timeout(left);
    CO_ASSIGN_OR_RETURN(const size_t n, co_await input_.Fill(*stream_));
    if (n == 0) co_return Error(Code::kClosed, "the server closed without an answer");
    answer_started_ = true;
  }
}

// Parses what has come; true once the final head is whole.
Result<bool> ClientExchange::TakeInput() {
  while (!input_.empty()) {
    std::string_view in = input_.view();
    const size_t before = in.size();
    const auto whole = parser_.Next(&in);
    input_.Consume(before - in.size());
    if (!whole) return whole.error();
    if (!*whole) continue;
    const int status = parser_.head().status;
    if (status >= 200 || status == 101) return true;
    if (++interim_answers_ > kInterimMax) {
      return Error(Code::kInvalid, "the server sends interim answers without end");
    }
    parser_.Reset();
  }
  return false;
}

void ClientExchange::TakeAnswer() {
  const codec::Http1Head& head = parser_.head();
  head_ = {head.status, CopyFields(head)};
  const auto decoder = codec::Http1BodyDecoder::OfResponse(head, request_->method);
  std::optional<uint64_t> length;
  if (head.has_length) length = head.length;
  wire_body_.emplace(stream_.get(), &input_, decoder, length, UINT64_MAX, request_->body_timeout);
  switched_ = head.status == 101 ||
              (request_->method == "CONNECT" && head.status >= 200 && head.status < 300);
  reusable_ = head.keep_alive && !decoder.until_close() && !switched_;
  // Answers may take long: what was asked is not held on, once it is out.
  if (uploaded_) request_.reset();
  if (wire_body_->done() && !switched_) Release();
}

void ClientExchange::Release() {
  if (stream_ == nullptr) return;
  const bool sent = uploaded_ && uploaded_->ok();
  upload_.Clear();
  if (sent && reusable_ && input_.empty()) {
    stream_->set_read_timeout({});
    stream_->set_write_timeout({});
    pool_->Put(origin_, std::move(stream_));
  }
  stream_.reset();
}

Task<Result<size_t>> ClientExchange::Body::Read(std::span<char> buffer) {
  ClientExchange& x = *exchange_;
  if (x.switched_) co_return size_t{0};
  auto n = co_await x.wire_body_->Read(buffer);
  if (x.wire_body_->done()) x.Release();
  co_return n;
}

std::optional<uint64_t> ClientExchange::Body::length() const {
  return exchange_->wire_body_->length();
}

net::StreamPtr ClientExchange::TakeStream() {
  if (!switched_ || stream_ == nullptr) return nullptr;
  upload_.Clear();
  stream_->set_read_timeout({});
  stream_->set_write_timeout({});
  if (input_.empty()) return std::move(stream_);
  return std::make_unique<net::PrefixStream>(input_.Take(), std::move(stream_));
}

}  // namespace cove::http::internal
