#include <ctime>

#include "base/text.h"
#include "http/server_connection.h"
#include "net/prefix_stream.h"

namespace cove::http::internal {
namespace {

constexpr size_t kGatherBytes = 64 * 1024;       // up to here head and body are one write
constexpr uint64_t kDrainBytesMax = 256 * 1024;  // more unread body is not worth a connection
constexpr Duration kDrainTime = seconds(5);

bool StatusHasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

std::optional<uint64_t> BodyLength(const codec::Http1Head& head) {
  if (head.chunked) return std::nullopt;
  return head.length;
}

}  // namespace

const std::string& HttpDate() {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::string text;
  thread_local time_t made = -1;
  const time_t now = time(nullptr);
  if (now != made) {
    tm t{};
    gmtime_r(&now, &t);
    char buffer[64];
    snprintf(buffer, sizeof buffer, "%s, %02d %s %d %02d:%02d:%02d GMT", kDays[t.tm_wday],
             t.tm_mday, kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    text = buffer;
    made = now;
  }
  return text;
}

ServerExchange::ServerExchange(ServerLink* link, const codec::Http1Head& head)
    : link_(link),
      request_{std::string(head.method), std::string(head.target), CopyFields(head)},
      is_head_(head.method == "HEAD"),
      http10_(head.minor_version == 0),
      keep_alive_(head.keep_alive),
      expect_pending_(head.expect_continue && (head.chunked || head.length != 0)),
      wire_body_(link->stream.get(), &link->input, codec::Http1BodyDecoder::OfRequest(head),
                 BodyLength(head), link->limits.body_bytes_max, link->limits.body_timeout) {}

Task<Result<size_t>> ServerExchange::Body::Read(std::span<char> buffer) {
  ServerExchange& x = *exchange_;
  if (x.link_->stream == nullptr) co_return Error(Code::kInternal, "the connection was taken over");
  if (x.expect_pending_ && !x.answered_) {
    x.expect_pending_ = false;
    CO_RETURN_IF_ERROR(co_await x.link_->stream->Write("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  co_return co_await x.wire_body_.Read(buffer);
}

void ServerExchange::DecideKeepAlive(const ResponseHead& head) {
  // A client that was not told to continue may send its body or not: the next head cannot be found.
  if (head.headers.HasToken("Connection", "close") || !link_->keep_alive_allowed ||
      expect_pending_ || wire_body_.failure()) {
    keep_alive_ = false;
  }
}

Result<std::string> ServerExchange::ComposeHead(const ResponseHead& head,
                                                std::string_view framing) {
  auto writer = codec::Http1HeadWriter::Response(head.status, ReasonPhrase(head.status));
  if (!head.headers.Has("Date")) writer.Field("Date", HttpDate());
  for (const auto& [name, value] : head.headers) {
    if (!IsFramingField(name)) writer.Field(name, value);
  }
  const size_t colon = framing.find(':');
  if (colon != framing.npos) writer.Field(framing.substr(0, colon), framing.substr(colon + 1));
  if (head.status == 101) {
    writer.Field("Connection", "Upgrade");
  } else if (!keep_alive_) {
    writer.Field("Connection", "close");
  } else if (http10_) {
    writer.Field("Connection", "keep-alive");
  }
  return writer.Finish();
}

Task<Result<void>> ServerExchange::Respond(ResponseHead head, std::string body) {
  if (answered_) co_return Error(Code::kInternal, "the request is answered already");
  if (head.status < 200) co_return Error(Code::kInternal, "an answer's status is 200 or more");
  DecideKeepAlive(head);
  // Said at once when what the handler left unread is too much to drain.
  if (!wire_body_.done() && wire_body_.length().value_or(0) > kDrainBytesMax) keep_alive_ = false;
  std::string framing;
  if (!StatusHasNoBody(head.status)) {
    const auto given = head.headers.Get("Content-Length");
    framing = "Content-Length:";
    framing += is_head_ && body.empty() && given ? *given : std::to_string(body.size());
  }
  CO_ASSIGN_OR_RETURN(std::string out, ComposeHead(head, framing));
  answered_ = true;
  broken_ = true;  // unless the writes come to their end
  const bool with_body = !is_head_ && !StatusHasNoBody(head.status) && !body.empty();
  const bool gather = with_body && body.size() <= kGatherBytes;
  if (gather) out += body;
  CO_RETURN_IF_ERROR(co_await link_->stream->Write(out));
  if (with_body && !gather) CO_RETURN_IF_ERROR(co_await link_->stream->Write(body));
  broken_ = false;
  co_return Ok();
}

Task<Result<BodyWriter*>> ServerExchange::StartResponse(ResponseHead head) {
  using Framing = WireWriter::Framing;
  if (answered_) co_return Error(Code::kInternal, "the request is answered already");
  if (head.status < 200) co_return Error(Code::kInternal, "an answer's status is 200 or more");
  DecideKeepAlive(head);
  Framing kind = Framing::kChunked;
  uint64_t length = 0;
  std::string framing;
  if (const auto given = head.headers.Get("Content-Length")) {
    const auto parsed = ParseInt<uint64_t>(*given);
    if (!parsed) co_return Error(Code::kInternal, "the answer's Content-Length is not a number");
    length = *parsed;
    kind = Framing::kLength;
    framing = "Content-Length:" + std::to_string(length);
  } else if (http10_) {
    kind = Framing::kUntilClose;
    keep_alive_ = false;
  } else {
    framing = "Transfer-Encoding:chunked";
  }
  if (StatusHasNoBody(head.status)) framing.clear();
  if (is_head_ || StatusHasNoBody(head.status)) kind = Framing::kDiscard;
  CO_ASSIGN_OR_RETURN(const std::string out, ComposeHead(head, framing));
  answered_ = true;
  writer_.emplace(link_->stream.get(), kind, length);
  auto written = co_await link_->stream->Write(out);
  if (!written) {
    broken_ = true;
    co_return std::move(written).error();
  }
  co_return &*writer_;
}

Task<Result<net::StreamPtr>> ServerExchange::TakeOver(ResponseHead head) {
  if (answered_) co_return Error(Code::kInternal, "the request is answered already");
  const bool tunnel = request_.method == "CONNECT" && head.status >= 200 && head.status < 300;
  if (head.status != 101 && !tunnel) {
    co_return Error(Code::kInternal, "a connection is taken over with 101, or 200 for CONNECT");
  }
  if (!wire_body_.done()) {
    co_return Error(Code::kInvalid, "a request that takes the connection over must have no body");
  }
  keep_alive_ = true;  // the connection goes on, under another protocol
  http10_ = false;
  CO_ASSIGN_OR_RETURN(const std::string out, ComposeHead(head, ""));
  answered_ = true;
  broken_ = true;
  CO_RETURN_IF_ERROR(co_await link_->stream->Write(out));
  net::StreamPtr stream = std::move(link_->stream);
  stream->set_read_timeout({});
  stream->set_write_timeout({});
  if (link_->input.empty()) co_return std::move(stream);
  std::string early = link_->input.Take();
  co_return std::make_unique<net::PrefixStream>(std::move(early), std::move(stream));
}

Task<void> ServerExchange::PeerClosed() {
  while (link_->stream != nullptr && !link_->input.full()) {
    link_->stream->set_read_timeout({});
    const auto n = co_await link_->input.Fill(*link_->stream);
    if (!n || *n == 0) co_return;
  }
  // Taken over, or the peer sends ahead more than is kept: nothing can be told any more.
  async::Event never;
  co_await never.Wait();
}

int ServerExchange::StatusForUnanswered() const {
  if (!wire_body_.failure()) return 500;
  switch (wire_body_.failure()->code()) {
    case Code::kTooLarge:
      return 413;
    case Code::kTimeout:
      return 408;
    case Code::kInvalid:
      return 400;
    default:
      return 500;
  }
}

Task<bool> ServerExchange::Settle() {
  if (link_->stream == nullptr) co_return false;
  if (!answered_) {
    ResponseHead head;
    head.status = StatusForUnanswered();
    head.headers.Add("Content-Type", "text/plain; charset=utf-8");
    std::string text = std::string(ReasonPhrase(head.status)) + "\n";
    if (!co_await Respond(std::move(head), std::move(text))) co_return false;
  }
  if (writer_ && !writer_->finished()) {
    // Where only the close ends a body, an orderly one would make the cut look whole.
    if (writer_->framing() == WireWriter::Framing::kUntilClose) link_->stream->MarkAborted();
    broken_ = true;
  }
  if (broken_) {
    link_->stream.reset();
    co_return false;
  }
  if (!keep_alive_) co_return false;
  co_return co_await wire_body_.Drain(kDrainBytesMax, Now() + kDrainTime);
}

}  // namespace cove::http::internal
