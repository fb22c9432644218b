#include "bridge/relay.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "async/deadline.h"
#include "bridge/headers.h"
#include "bridge/usage_chunk.h"
#include "http/content_coding.h"

namespace cove::bridge {

namespace {

// A stream waits more than it carries: its buffer grows when a read fills it.
constexpr size_t kPieceBytesFirst = size_t{1} * 1024;
constexpr size_t kPieceGrowth = 4;
constexpr size_t kPieceBytesMax = size_t{16} * 1024;
constexpr size_t kShortBytesMax = size_t{16} * 1024;

bool IsAnswer(int status) { return status < 300 || status == 304; }

}  // namespace

Outcome OutcomeOf(int status, const AnswerFacts& facts) {
  if (!IsAnswer(status)) return Outcome::kRejected;
  return facts.error.empty() ? Outcome::kCompleted : Outcome::kFailed;
}

// What happens to the bytes of an answer between provider and agent: nothing, but that a copy is
// decoded and read, and that a chunk is left out where the options say so.
class Relay::Copy {
 public:
  Copy(const http::Headers& headers, const RelayOptions& options)
      : coding_(http::CodingOf(headers)),
        form_(coding_ == http::Coding::kOther ? AnswerForm::kOther
                                              : FormOf(headers.Get("content-type").value_or(""))),
        hides_(options.usage_chunk == RelayOptions::UsageChunk::kHide && form_ == AnswerForm::kSse),
        reader_(options.api, form_) {
    if (coding_ == http::Coding::kGzip || coding_ == http::Coding::kZstd)
      decoder_ = http::MakeDecoder(coding_);
  }

  // Of the agent's answer: where the bytes are edited they go uncompressed and of unknown length.
  void Adapt(http::Headers& headers) const {
    if (!hides_) return;
    headers.Remove("content-length");
    headers.Remove("content-encoding");
  }

  // What goes to the agent for `bytes`; lives until the next call.
  std::string_view Pass(std::string_view bytes) {
    out_.clear();
    if (decoder_ == nullptr) {
      OnPlain(bytes);
    } else if (!broken_) {
      const auto decoded = decoder_->Feed(bytes, [this](std::string_view plain) -> Result<void> {
        OnPlain(plain);
        return Ok();
      });
      broken_ = !decoded.ok();
    }
    return hides_ ? std::string_view(out_) : bytes;
  }

  // What was held back; afterwards the facts are all there.
  std::string_view End() {
    if (std::exchange(ended_, true)) return {};
    reader_.Finish();
    return hides_ ? filter_.Finish() : std::string_view();
  }

  // Whether a part of it is of use before the rest has come.
  bool streams() const { return form_ != AnswerForm::kJson && form_ != AnswerForm::kOther; }
  // Decoding went wrong where the agent depends on it.
  bool lost() const { return broken_ && hides_; }
  const AnswerFacts& facts() const { return reader_.facts(); }
  AnswerFacts TakeFacts() { return reader_.TakeFacts(); }

 private:
  void OnPlain(std::string_view plain) {
    reader_.Feed(plain);
    if (hides_) out_ += filter_.Feed(plain);
  }

  http::Coding coding_;
  AnswerForm form_;
  bool hides_;
  AnswerReader reader_;
  UsageChunkFilter filter_;
  std::unique_ptr<http::Decoder> decoder_;
  bool broken_ = false;
  bool ended_ = false;
  std::string out_;
};

Relay::Relay(std::unique_ptr<http::ClientResponse> response, RelayOptions options)
    : response_(std::move(response)),
      options_(options),
      copy_(std::make_unique<Copy>(response_->head().headers, options_)),
      piece_(kPieceBytesFirst) {
  CallEnd& end = out_.end;
  end.status = response_->head().status;
  end.request_id = ProviderRequestId(response_->head().headers);
}

Relay::~Relay() = default;

// What goes to the agent of what was read; it lives until the next piece.
std::string_view Relay::OnPiece(const Result<size_t>& got) {
  over_ = !got || *got == 0 || copy_->lost();
  if (!got || copy_->lost()) {
    out_.cut_by = got ? "it cannot be decoded" : got.error().message();
    return {};
  }
  if (*got == 0) return copy_->End();
  CallEnd& end = out_.end;
  if (!end.first_byte) {
    end.first_byte = std::chrono::duration_cast<microseconds>(Now() - options_.sent_at);
  }
  end.response_bytes += *got;
  return copy_->Pass({piece_.data(), *got});
}

Task<void> Relay::Pass(http::Exchange& exchange) {
  http::ResponseHead head;
  head.status = out_.end.status;
  head.headers = DownstreamHeaders(response_->head().headers);
  copy_->Adapt(head.headers);
  const auto length = response_->body().length();
  const bool is_short = length && *length <= kShortBytesMax && !copy_->streams();
  co_await (is_short ? PassShort(exchange, std::move(head)) : PassOn(exchange, std::move(head)));
}

// A short answer of known length goes with its head in one write, once it is whole: nobody can use
// a part of it, and sending is most of what a small call costs.
Task<void> Relay::PassShort(http::Exchange& exchange, http::ResponseHead head) {
  std::string bytes;
  while (!over_) {
    const auto got = co_await response_->body().Read(piece_);
    bytes += OnPiece(got);
  }
  if (out_.cut_by.empty()) {
    auto sent = co_await exchange.Respond(std::move(head), std::move(bytes));
    if (!sent) out_.end.outcome = Outcome::kClientGone;
    co_return;
  }
  // What has come, and no end: the agent sees that it is cut, too.
  out_.end.outcome = Outcome::kBroken;
  auto started = co_await exchange.StartResponse(std::move(head));
  if (started) (void)co_await (*started)->Write(bytes);
}

Task<void> Relay::PassOn(http::Exchange& exchange, http::ResponseHead head) {
  auto started = co_await exchange.StartResponse(std::move(head));
  http::BodyWriter* writer = started ? *started : nullptr;
  while (writer != nullptr && !over_) {
    const auto got = co_await response_->body().Read(piece_);
    const std::string_view passed = OnPiece(got);
    // A writer that is not finished breaks the connection: a cut answer never looks whole.
    if (!out_.cut_by.empty()) {
      out_.end.outcome = Outcome::kBroken;
      co_return;
    }
    if (!passed.empty() && !(co_await writer->Write(passed))) writer = nullptr;
    if (over_ && writer != nullptr && !(co_await writer->Finish())) writer = nullptr;
    const bool full = got && *got == piece_.size();
    if (full) piece_.resize(std::min(kPieceBytesMax, kPieceGrowth * piece_.size()));
  }
  if (writer == nullptr) co_await Drain();
}

Task<void> Relay::Drain() {
  out_.end.outcome = Outcome::kClientGone;
  const TimePoint until = Now() + options_.drain_time;
  const auto enough = [this] {
    return options_.rest == RelayOptions::Rest::kToLastWord && copy_->facts().complete;
  };
  while (!over_ && !enough()) {
    auto got = co_await async::WithDeadline(response_->body().Read(piece_), until, "the answer");
    (void)OnPiece(got);
  }
}

Relayed Relay::Take() {
  (void)copy_->End();
  out_.facts = copy_->TakeFacts();
  out_.end.usage = out_.facts.usage;
  out_.end.response_id = out_.facts.response_id;
  if (out_.end.outcome == Outcome::kCompleted) {
    out_.end.outcome = OutcomeOf(out_.end.status, out_.facts);
  }
  return std::move(out_);
}

}  // namespace cove::bridge
