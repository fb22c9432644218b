#include "bridge/relay.h"

#include <array>
#include <utility>

#include "bridge/content_coding.h"
#include "bridge/headers.h"
#include "bridge/usage_chunk.h"

namespace cove::bridge {

namespace {

constexpr size_t kPieceBytes = 16 * 1024;

// What happens to the bytes of an answer between provider and agent: nothing, but that a copy is
// decoded and read, and that a chunk is left out where the options say so.
class Passage {
 public:
  Passage(const http::Headers& headers, const RelayOptions& options)
      : coding_(CodingOf(headers)),
        form_(coding_ == Coding::kOther ? AnswerForm::kOther
                                        : FormOf(headers.Get("content-type").value_or(""))),
        hides_(options.usage_chunk == RelayOptions::UsageChunk::kHide && form_ == AnswerForm::kSse),
        reader_(options.api, form_) {
    if (coding_ == Coding::kGzip || coding_ == Coding::kZstd) decoder_ = MakeDecoder(coding_);
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

  // Decoding went wrong where the agent depends on it.
  bool lost() const { return broken_ && hides_; }
  const AnswerFacts& facts() const { return reader_.facts(); }
  AnswerFacts TakeFacts() { return reader_.TakeFacts(); }

 private:
  void OnPlain(std::string_view plain) {
    reader_.Feed(plain);
    if (hides_) out_ += filter_.Feed(plain);
  }

  Coding coding_;
  AnswerForm form_;
  bool hides_;
  AnswerReader reader_;
  UsageChunkFilter filter_;
  std::unique_ptr<Decoder> decoder_;
  bool broken_ = false;
  bool ended_ = false;
  std::string out_;
};

}  // namespace

Task<Relayed> RelayAnswer(http::Exchange& exchange, http::ClientResponse& response,
                          RelayOptions options) {
  Relayed out;
  CallEnd& end = out.end;
  end.status = response.head().status;
  end.outcome = end.status < 400 ? Outcome::kCompleted : Outcome::kRejected;
  end.request_id = ProviderRequestId(response.head().headers);
  Passage passage(response.head().headers, options);
  http::ResponseHead head;
  head.status = end.status;
  head.headers = DownstreamHeaders(response.head().headers);
  passage.Adapt(head.headers);

  auto started = co_await exchange.StartResponse(std::move(head));
  http::BodyWriter* writer = started ? *started : nullptr;
  TimePoint drain_until = kNever;
  std::array<char, kPieceBytes> piece;
  for (;;) {
    if (writer == nullptr) {
      end.outcome = Outcome::kClientGone;
      if (drain_until == kNever) drain_until = Now() + options.drain_time;
      if (Now() >= drain_until || passage.facts().complete) break;
    }
    auto got = co_await response.body().Read(piece);
    if (!got || passage.lost()) {
      if (writer != nullptr) end.outcome = Outcome::kBroken;
      out.cut_by = got ? "it cannot be decoded" : got.error().message();
      break;
    }
    if (*got == 0) {
      const std::string_view rest = passage.End();
      if (writer != nullptr && !rest.empty() && !(co_await writer->Write(rest))) writer = nullptr;
      // A writer that is not finished breaks the connection: a cut answer never looks whole.
      if (writer == nullptr || !(co_await writer->Finish())) end.outcome = Outcome::kClientGone;
      break;
    }
    const std::string_view bytes(piece.data(), *got);
    if (!end.first_byte) {
      end.first_byte = std::chrono::duration_cast<microseconds>(Now() - options.sent_at);
    }
    end.response_bytes += bytes.size();
    const std::string_view passed = passage.Pass(bytes);
    if (writer != nullptr && !passed.empty() && !(co_await writer->Write(passed))) writer = nullptr;
  }
  (void)passage.End();
  out.facts = passage.TakeFacts();
  end.usage = out.facts.usage;
  end.response_id = out.facts.response_id;
  co_return out;
}

}  // namespace cove::bridge
