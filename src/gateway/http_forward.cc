#include "gateway/http_forward.h"

#include "gateway/http_answer.h"
#include "gateway/http_request.h"

namespace cove::gateway {
namespace {

using policy::Reason;

// A request that named a whole URI, as one to its origin.
class OriginForm final : public http::Exchange {
 public:
  OriginForm(http::Exchange& inner, std::string target) : inner_(inner), request_(inner.request()) {
    request_.target = std::move(target);
  }
  const http::RequestHead& request() const override { return request_; }
  http::BodyReader& body() override { return inner_.body(); }
  std::string peer() const override { return inner_.peer(); }
  bool answered() const override { return inner_.answered(); }
  Task<Result<void>> Respond(http::ResponseHead head, std::string body) override {
    return inner_.Respond(std::move(head), std::move(body));
  }
  Task<Result<http::BodyWriter*>> StartResponse(http::ResponseHead head) override {
    return inner_.StartResponse(std::move(head));
  }
  Task<Result<net::StreamPtr>> TakeOver(http::ResponseHead head) override {
    return inner_.TakeOver(std::move(head));
  }
  Task<void> PeerClosed() override { return inner_.PeerClosed(); }

 private:
  http::Exchange& inner_;
  http::RequestHead request_;
};

Task<void> ServeAndTell(http::Server& server, net::StreamPtr stream, std::string peer,
                        async::Event* done) {
  co_await server.ServeConnection(std::move(stream), std::move(peer));
  done->Set();
}

}  // namespace

HttpForward::HttpForward(Box& box, HttpOrigin origin, const Counters& counters)
    : box_(box),
      judge_(box, std::move(origin)),
      passages_(box, judge_, counters, held_),
      servers_(box, judge_, held_),
      relay_{box, judge_, servers_, [this] { client_stream_ = nullptr; }} {}

Task<void> HttpForward::Serve(net::StreamPtr client) {
  http::Server server([this](http::Exchange& exchange) { return Handle(exchange); });
  server.set_on_refused([this](int status, std::string_view why) { return Unsound(status, why); });
  server.set_admit([this]() -> std::shared_ptr<void> {
    const Limits& limits = box_.deps.limits;
    const size_t most = limits.connections_per_sandbox_max + limits.turned_away_per_sandbox_max;
    if (box_.streams >= most) return nullptr;
    return TakePlace(box_.streams, streams_);
  });
  client_stream_ = client.get();
  async::Event done;
  {
    async::TaskGroup group;
    group.Spawn(ServeAndTell(server, std::move(client), box_.id.value, &done));
    // What is cut must not look whole: a body may end where its connection ends.
    struct AbortUnlessDone {
      HttpForward& forward;
      async::Event& done;
      ~AbortUnlessDone() {
        if (!done.is_set() && forward.client_stream_ != nullptr) {
          forward.client_stream_->MarkAborted();
        }
      }
    } guard{*this, done};
    const Flows::Member member(box_.flows, done);
    while (!done.is_set()) {
      co_await done.Wait();
      if (!done.is_set() && CutRevoked()) break;
    }
  }
  passages_.EndRun();
}

bool HttpForward::CutRevoked() {
  const bool cut = passages_.NoteRevoked();
  for (const Upstream& upstream : servers_.open()) {
    if (judge_.MayStay(upstream)) continue;
    passages_.NoteAllRevoked();
    return true;
  }
  return cut;
}

// Refused before it was a request: the parser found what two programs could read in two ways.
http::Refusal HttpForward::Unsound(int status, std::string_view why) {
  audit::Record record = box_.NewRecord(origin().https() ? "https" : "http");
  record.host = origin().name.value_or("");
  record.port = origin().destination.port;
  record.claimed = origin().destination.ToString();
  record.detail = why;
  const bool limit = status == 413 || status == 431;
  const Reason reason = status == 408 ? Reason::kHelloTimeout
                        : limit       ? Reason::kLimit
                                      : Reason::kMalformed;
  http::Refusal page{std::string(kReasonType), ReasonBody(reason, record.host, record.port, why)};
  box_.Denied(std::move(record), reason);
  return page;
}

Outgoing HttpForward::MakeOutgoing(const http::RequestHead& request, const Verdict& verdict) const {
  http::Url url;
  url.scheme = origin().https() ? "https" : "http";
  url.host = verdict.host;
  url.port = verdict.port;
  url.target = verdict.target;
  return Outgoing(request, std::move(url), verdict.secrets);
}

Task<void> HttpForward::Handle(http::Exchange& exchange) {
  Verdict verdict = judge_.Judge(exchange.request());
  const auto streams = exchange.multiplexed() ? Passages::Streams::kMany : Passages::Streams::kOne;
  // A stream is as good as a connection: it may need one of its own to the server.
  const bool counts = streams == Passages::Streams::kMany && verdict.decision.allow;
  const Limits& limits = box_.deps.limits;
  if (counts && (box_.connections >= limits.connections_per_sandbox_max ||
                 box_.load.connections >= limits.connections_max)) {
    verdict.decision = {false, Reason::kLimit, {}, policy::Layer::kNone};
  }
  if (!verdict.decision.allow) {
    co_await Refuse(exchange, verdict);
    co_return;
  }
  const auto place =
      counts ? TakePlace(box_.connections, box_.load.connections) : std::shared_ptr<void>();
  Outgoing out = MakeOutgoing(exchange.request(), verdict);
  const auto [passage, why] =
      co_await passages_.Open(verdict, out.secrets(), streams, ProtocolFor(exchange.request()));
  if (passage == nullptr && why == Reason::kAuditUnavailable) {
    co_await AnswerReason(exchange, why, verdict.host, verdict.port);
    co_return;
  }
  if (passage == nullptr) {
    verdict.decision.allow = false;
    verdict.decision.reason = why;
    co_await Refuse(exchange, verdict);
    co_return;
  }
  passage->ledger().AddRequest();
  const http::RequestHead& head = exchange.request();
  const uint64_t bytes = head.method.size() + head.target.size() + HeadBytes(head.headers);
  passage->AddBytes(bytes, 0);
  if (!passage->ledger().lease().Spend(bytes)) {
    passage->ledger().set_outcome(Reason::kUsedUp);
    co_await AnswerReason(exchange, Reason::kUsedUp, verdict.host, verdict.port);
    co_return;
  }
  if (verdict.host == kModelHost) {
    OriginForm origin(exchange, verdict.target);
    co_await box_.deps.model(box_.id, origin);
  } else {
    co_await RelayRequest(relay_, exchange, *passage, out);
  }
}

Task<void> HttpForward::Refuse(http::Exchange& exchange, const Verdict& verdict) {
  audit::Record record = judge_.Row(verdict);
  if (verdict.decision.reason == Reason::kNameMismatch && origin().name) {
    record.detail = "looked up as " + *origin().name;
  }
  const bool away = origin().turned_away != Reason::kAllowed;
  box_.Denied(std::move(record), verdict.decision.reason, away ? kTurnedAwayKey : "");
  co_await AnswerReason(exchange, verdict.decision.reason, verdict.host, verdict.port,
                        verdict.detail);
}

}  // namespace cove::gateway
