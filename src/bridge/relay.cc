#include "bridge/relay.h"

#include <utility>
#include <vector>

#include "bridge/content_coding.h"
#include "bridge/headers.h"
#include "bridge/usage_chunk.h"

namespace cove::bridge {

namespace {

// A stream waits more than it carries: its buffer grows when a read fills it.
constexpr size_t kPieceBytesFirst = size_t{2} * 1024;
constexpr size_t kPieceBytesMax = size_t{16} * 1024;
constexpr size_t kShortBytesMax = size_t{16} * 1024;

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

  bool hides() const { return hides_; }
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

// What RelayAnswer knows while it runs. References: the caller's, who waits.
struct Relay {
  http::Exchange& exchange;
  http::ClientResponse& response;
  const RelayOptions& options;
  http::ResponseHead head;  // for the agent
  Passage passage;
  Relayed out;

  void NoteBytes(size_t bytes) {
    CallEnd& end = out.end;
    if (!end.first_byte) {
      end.first_byte = std::chrono::duration_cast<microseconds>(Now() - options.sent_at);
    }
    end.response_bytes += bytes;
  }
};

// A short answer of known length goes with its head in one write, once it is whole: nobody can use
// a part of it, and sending is most of what a small call costs.
Task<void> RelayShort(Relay& relay, uint64_t length) {
  std::string bytes(length + 1, '\0');  // so that the end is seen
  size_t have = 0;
  for (;;) {
    auto got = co_await relay.response.body().Read(std::span(bytes).subspan(have));
    if (!got) relay.out.cut_by = got.error().message();
    if (!got || *got == 0) break;
    relay.NoteBytes(*got);
    have += *got;
  }
  bytes.resize(have);
  (void)relay.passage.Pass(bytes);
  if (relay.out.cut_by.empty()) {
    auto sent = co_await relay.exchange.Respond(std::move(relay.head), std::move(bytes));
    if (!sent) relay.out.end.outcome = Outcome::kClientGone;
    co_return;
  }
  // What has come, and no end: the agent sees that it is cut, too.
  relay.out.end.outcome = Outcome::kBroken;
  auto started = co_await relay.exchange.StartResponse(std::move(relay.head));
  if (started) (void)co_await (*started)->Write(bytes);
}

Task<void> RelayStream(Relay& relay) {
  CallEnd& end = relay.out.end;
  auto started = co_await relay.exchange.StartResponse(std::move(relay.head));
  http::BodyWriter* writer = started ? *started : nullptr;
  TimePoint drain_until = kNever;
  std::vector<char> piece(kPieceBytesFirst);
  for (;;) {
    if (writer == nullptr) {
      end.outcome = Outcome::kClientGone;
      if (drain_until == kNever) drain_until = Now() + relay.options.drain_time;
      if (Now() >= drain_until || relay.passage.facts().complete) break;
    }
    auto got = co_await relay.response.body().Read(piece);
    if (!got || relay.passage.lost()) {
      if (writer != nullptr) end.outcome = Outcome::kBroken;
      relay.out.cut_by = got ? "it cannot be decoded" : got.error().message();
      break;
    }
    if (*got == 0) {
      const std::string_view rest = relay.passage.End();
      if (writer != nullptr && !rest.empty() && !(co_await writer->Write(rest))) writer = nullptr;
      // A writer that is not finished breaks the connection: a cut answer never looks whole.
      if (writer == nullptr || !(co_await writer->Finish())) end.outcome = Outcome::kClientGone;
      break;
    }
    relay.NoteBytes(*got);
    const std::string_view passed = relay.passage.Pass({piece.data(), *got});
    if (writer != nullptr && !passed.empty() && !(co_await writer->Write(passed))) writer = nullptr;
    if (*got == piece.size() && *got < kPieceBytesMax) piece.resize(kPieceBytesMax);
  }
}

}  // namespace

Task<Relayed> RelayAnswer(http::Exchange& exchange, http::ClientResponse& response,
                          RelayOptions options) {
  const http::ResponseHead& from = response.head();
  Relay relay{exchange,
              response,
              options,
              {from.status, DownstreamHeaders(from.headers)},
              Passage(from.headers, options),
              {}};
  CallEnd& end = relay.out.end;
  end.status = from.status;
  end.outcome = end.status < 400 ? Outcome::kCompleted : Outcome::kRejected;
  end.request_id = ProviderRequestId(from.headers);
  relay.passage.Adapt(relay.head.headers);
  const auto length = response.body().length();
  if (length && *length <= kShortBytesMax && !relay.passage.hides()) {
    co_await RelayShort(relay, *length);
  } else {
    co_await RelayStream(relay);
  }
  (void)relay.passage.End();
  relay.out.facts = relay.passage.TakeFacts();
  end.usage = relay.out.facts.usage;
  end.response_id = relay.out.facts.response_id;
  co_return std::move(relay.out);
}

}  // namespace cove::bridge
