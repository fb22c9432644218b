#include "gateway/http_forward.h"

#include "base/text.h"
#include "gateway/counted_body.h"
#include "gateway/dialer.h"
#include "gateway/http_answer.h"
#include "gateway/http_request.h"
#include "gateway/searched_stream.h"
#include "gateway/tunnel.h"
#include "log/log.h"

namespace cove::gateway {
namespace {

using policy::Reason;

constexpr size_t kRelayBuffer = 32 * 1024;
constexpr size_t kIdleMax = 4;        // connections to servers that a client's connection keeps
constexpr size_t kUpstreamsEach = 2;  // a sandbox's, for each connection that it may have

// Resolving and dialling have limits of their own, and tell more when they pass.
http::ClientLimits ClientLimitsFor(const Limits& limits, http::ClientLimits::Http2 http2) {
  http::ClientLimits out;
  out.http2 = http2;
  out.idle_max = kIdleMax;
  out.idle_per_origin_max = kIdleMax;
  out.connect_timeout = limits.resolve_timeout + limits.dial_timeout + seconds(1);
  return out;
}

// As it was sent, near enough: what a compressed head stands for counts whole.
template <class Fields>
uint64_t HeadBytes(const Fields& fields, uint64_t first_line) {
  constexpr uint64_t kPerField = 4;
  for (const auto& [name, value] : fields) first_line += name.size() + value.size() + kPerField;
  return first_line;
}

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

// An allowed request under way, or on plain HTTP a run of them to one host: one decision on record
// and one closing record, which is written when this goes.
struct HttpForward::Passage {
  Passage(HttpForward& f, Verdict v, Streams s)
      : forward(f), verdict(std::move(v)), streams(s), ledger(*f.box_.deps.audit) {
    forward.passages_.insert(this);
  }
  // On a connection of its own, the bytes since the last record belong to what was asked since.
  ~Passage() {
    forward.passages_.erase(this);
    if (streams == Streams::kMany) return;
    const Counters& now = forward.counters_;
    ledger.AddBytes(now.out - forward.settled_.out, now.in - forward.settled_.in);
    forward.settled_ = now;
  }
  Passage(const Passage&) = delete;

  HttpForward& forward;
  Verdict verdict;  // the last one
  const Streams streams;
  Ledger ledger;
};

HttpForward::HttpForward(Box& box, HttpOrigin origin, const Counters& counters)
    : box_(box),
      origin_(std::move(origin)),
      counters_(counters),
      client_(*box.deps.resolver_pool, nullptr,
              ClientLimitsFor(box.deps.limits, http::ClientLimits::Http2::kIfOffered)),
      upgrade_client_(*box.deps.resolver_pool, nullptr,
                      ClientLimitsFor(box.deps.limits, http::ClientLimits::Http2::kNever)) {
  client_.set_dialer(
      [this](http::Url url, TimePoint) { return Dial(std::move(url), net::Alpn::kHttp2OrHttp1); });
  upgrade_client_.set_dialer(
      [this](http::Url url, TimePoint) { return Dial(std::move(url), net::Alpn::kHttp1); });
}

HttpForward::~HttpForward() = default;

Task<void> HttpForward::Serve(net::StreamPtr client) {
  http::Server server([this](http::Exchange& exchange) { return Handle(exchange); });
  server.set_on_refused([this](int status, std::string_view why) { Unsound(status, why); });
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
  run_.reset();
}

bool HttpForward::CutRevoked() {
  bool cut = false;
  for (Passage* passage : passages_) {
    if (StillAllowed(passage->verdict)) continue;
    passage->ledger.set_outcome(Reason::kRevoked);
    cut = true;
  }
  // An idle connection to where nothing may go now would carry the next request.
  for (const Upstream& upstream : upstreams_) {
    if (MayStay(upstream)) continue;
    for (Passage* passage : passages_) passage->ledger.set_outcome(Reason::kRevoked);
    return true;
  }
  return cut;
}

bool HttpForward::MayStay(const Upstream& upstream) const {
  const auto policy = box_.Policy();
  const auto local = box_.deps.local_networks();
  if (policy == nullptr || !local) return false;
  const auto kind = policy::Classify(upstream.address, *local);
  if (ByNumber(*policy, upstream.host, upstream.port)) {
    return policy->EvaluateAddress(upstream.address, upstream.port, kind).allow;
  }
  return policy->MayDial(upstream.host, upstream.address, upstream.port, kind);
}

// Where the connection may go to its address itself, names that no rule speaks of go there.
bool HttpForward::ByNumber(const policy::Policy& policy, std::string_view host,
                           uint16_t port) const {
  return origin_.by_number && !policy.Evaluate(host, port).allow && !policy.DeniesName(host, port);
}

bool HttpForward::StillAllowed(const Verdict& verdict) const {
  if (verdict.host == kModelHost) return true;
  const auto policy = box_.Policy();
  if (policy == nullptr) return false;
  return JudgeRequest(*policy, verdict.host, verdict.port, verdict.method, verdict.target).allow;
}

policy::Decision HttpForward::JudgeRequest(const policy::Policy& policy, const std::string& host,
                                           uint16_t port, const std::string& method,
                                           const std::string& target) const {
  policy::Decision out = policy.EvaluateRequest(host, port, method, target);
  if (out.allow || !ByNumber(policy, host, port)) return out;
  const auto local = box_.deps.local_networks();
  if (!local) return out;
  const policy::Address& address = origin_.destination.address;
  return policy.EvaluateAddress(address, port, policy::Classify(address, *local));
}

// Refused before it was a request: the parser found what two programs could read in two ways.
void HttpForward::Unsound(int status, std::string_view why) {
  audit::Record record = box_.NewRecord(https() ? "https" : "http");
  record.host = origin_.name.value_or("");
  record.port = origin_.destination.port;
  record.claimed = origin_.destination.ToString();
  record.detail = why;
  box_.Denied(std::move(record), status == 408   ? Reason::kHelloTimeout
                                 : status == 431 ? Reason::kLimit
                                                 : Reason::kMalformed);
}

HttpForward::Verdict HttpForward::Judge(const http::RequestHead& request) const {
  RequestTarget asked = ReadRequestTarget(request, https() ? "https" : "http");
  // By number, with the number as the host.
  if (origin_.by_number && asked.reason == Reason::kBadName &&
      asked.host == origin_.destination.address.ToString()) {
    asked.reason = Reason::kAllowed;
  }
  Verdict out;
  out.host = asked.host;
  out.target = asked.target;
  out.method = request.method;
  out.port = proxy() ? asked.port.value_or(kHttpPort) : origin_.destination.port;
  out.decision.reason = asked.reason;
  if (asked.reason != Reason::kAllowed) return out;
  if (origin_.turned_away != Reason::kAllowed) {
    out.decision.reason = origin_.turned_away;
    return out;
  }
  if (proxy() && !asked.absolute) {
    out.decision.reason = Reason::kMalformed;
    return out;
  }
  if (origin_.name && *origin_.name != asked.host) {
    out.decision.reason = Reason::kNameMismatch;
    return out;
  }
  if (asked.port && *asked.port != out.port) {
    out.decision.reason = Reason::kPortMismatch;
    return out;
  }
  const auto policy = box_.Policy();
  if (policy == nullptr) {
    out.decision.reason = Reason::kPolicyUnavailable;
    return out;
  }
  if (asked.host == kModelHost && !https()) {
    const bool right = out.port == kHttpPort && box_.deps.model != nullptr;
    out.decision = {right,
                    right ? Reason::kModelGateway : Reason::kPortNotAllowed,
                    {},
                    policy::Layer::kBuiltIn};
    return out;
  }
  out.decision = JudgeRequest(*policy, asked.host, out.port, request.method, asked.target);
  if (out.decision.allow && https()) FindSecrets(request, out);
  return out;
}

// Only where TLS was opened: the server was verified, and nobody on the way reads along.
void HttpForward::FindSecrets(const http::RequestHead& request, Verdict& verdict) const {
  const auto credentials = box_.Secrets();
  const std::vector<std::string>& by_rule = verdict.decision.credentials;
  if (credentials == nullptr && by_rule.empty()) return;
  CredentialQuestion question;
  question.host = verdict.host;
  question.port = verdict.port;
  question.method = request.method;
  question.target = verdict.target;
  question.by_rule = &by_rule;
  auto found = credentials == nullptr ? Error(Code::kDenied, "the sandbox has no secrets")
                                      : credentials->For(question);
  // TRACE is answered with the very request.
  if (found && !found->empty() && request.method == "TRACE") {
    verdict.decision.allow = false;
    verdict.decision.reason = Reason::kMethodNotSupported;
  } else if (found) {
    verdict.secrets = *std::move(found);
    // Each use of a secret is a record of its own.
    verdict.decision.by_request |= !verdict.secrets.empty();
  } else {
    verdict.decision.allow = false;
    verdict.decision.reason = Reason::kNoCredential;
  }
}

Outgoing HttpForward::MakeOutgoing(const http::RequestHead& request, const Verdict& verdict) const {
  http::Url url;
  url.scheme = https() ? "https" : "http";
  url.host = verdict.host;
  url.port = verdict.port;
  url.target = verdict.target;
  return Outgoing(request, std::move(url), verdict.secrets);
}

Task<void> HttpForward::Handle(http::Exchange& exchange) {
  Verdict verdict = Judge(exchange.request());
  const Streams streams = exchange.multiplexed() ? Streams::kMany : Streams::kOne;
  // A stream is as good as a connection: it may need one of its own to the server.
  const bool counts = streams == Streams::kMany && verdict.decision.allow;
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
  Reason why = Reason::kAuditUnavailable;
  const auto passage = co_await OpenPassage(verdict, out.secrets(), streams, &why);
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
  passage->ledger.AddRequest();
  const http::RequestHead& head = exchange.request();
  const uint64_t bytes = HeadBytes(head.headers, head.method.size() + head.target.size());
  if (streams == Streams::kMany) passage->ledger.AddBytes(bytes, 0);
  if (!passage->ledger.lease().Spend(bytes)) {
    passage->ledger.set_outcome(Reason::kUsedUp);
    co_await AnswerReason(exchange, Reason::kUsedUp, verdict.host, verdict.port);
    co_return;
  }
  if (verdict.host == kModelHost) {
    OriginForm origin(exchange, verdict.target);
    co_await box_.deps.model(box_.id, origin);
  } else {
    co_await Forward(exchange, *passage, out);
  }
}

audit::Record HttpForward::Row(const Verdict& verdict) const {
  const bool model = verdict.decision.reason == Reason::kModelGateway;
  audit::Record record = box_.NewRecord(model ? "model" : https() ? "https" : "http");
  record.host = verdict.host;
  record.port = verdict.port;
  record.claimed = origin_.destination.ToString();
  record.rule = verdict.decision.rule;
  record.layer = policy::LayerName(verdict.decision.layer);
  record.reason = policy::ReasonName(verdict.decision.reason);
  record.method = verdict.method;
  record.path = verdict.Path();
  return record;
}

Task<void> HttpForward::Refuse(http::Exchange& exchange, const Verdict& verdict) {
  audit::Record record = Row(verdict);
  if (verdict.decision.reason == Reason::kNameMismatch && origin_.name) {
    record.detail = "looked up as " + *origin_.name;
  }
  const bool away = origin_.turned_away != Reason::kAllowed;
  box_.Denied(std::move(record), verdict.decision.reason, away ? kTurnedAwayKey : "");
  co_await AnswerReason(exchange, verdict.decision.reason, verdict.host, verdict.port);
}

// Where a rule is about requests, and wherever TLS was opened, each is a decision of its own.
Task<std::shared_ptr<HttpForward::Passage>> HttpForward::OpenPassage(
    Verdict verdict, const std::vector<std::string>& secrets, Streams streams, Reason* why) {
  const bool alone = verdict.decision.by_request || verdict.decision.log_requests || https();
  if (!alone && run_ != nullptr && run_->verdict.host == verdict.host &&
      run_->verdict.port == verdict.port) {
    const Reason limit = run_->ledger.lease().TakeRequest();
    if (limit != Reason::kAllowed) {
      *why = limit;
      co_return nullptr;
    }
    run_->verdict = std::move(verdict);
    co_return run_;
  }
  run_.reset();
  audit::Record record = Row(verdict);
  if (!secrets.empty()) record.detail = "with secret " + Join(secrets, ", ");
  auto passage = std::make_shared<Passage>(*this, std::move(verdict), streams);
  const Reason limit = passage->ledger.lease().Take(box_.usage, passage->verdict.decision.limits);
  if (limit != Reason::kAllowed) {
    *why = limit;
    co_return nullptr;
  }
  const auto opened = co_await passage->ledger.Open(std::move(record));
  if (!opened) {
    log::Error("gateway.audit_failed", {{"error", opened.error().message()}});
    co_return nullptr;
  }
  if (!alone) run_ = passage;
  co_return passage;
}

std::vector<net::SocketAddress> HttpForward::ToNumber() const {
  const auto one =
      net::SocketAddress::FromIp(origin_.destination.address.ToString(), origin_.destination.port);
  return one ? std::vector<net::SocketAddress>(1, *one) : std::vector<net::SocketAddress>();
}

Task<Result<net::StreamPtr>> HttpForward::Dial(http::Url url, net::Alpn alpn) {
  // Judged again, because a pooled connection may have been opened under another policy.
  const auto policy = box_.Policy();
  const bool by_number = policy != nullptr && ByNumber(*policy, url.host, url.port);
  if (policy == nullptr || (!by_number && !policy->Evaluate(url.host, url.port).allow)) {
    dial_reason_ = Reason::kRevoked;
    co_return Error(Code::kDenied, "the rule is gone");
  }
  const Limits& limits = box_.deps.limits;
  if (box_.upstreams >= kUpstreamsEach * limits.connections_per_sandbox_max ||
      box_.load.upstreams >= limits.connections_max) {
    dial_reason_ = Reason::kLimit;
    co_return Error(Code::kExhausted, "too many connections to servers");
  }
  auto place = TakePlace(box_.upstreams, box_.load.upstreams);
  Dialled dialled = by_number ? co_await DialAddresses(box_, ToNumber())
                              : co_await DialName(box_, policy, url.host, url.port);
  dial_reason_ = dialled.reason;
  if (dialled.stream == nullptr) co_return Error(Code::kUnavailable, dialled.detail);
  address_ = dialled.address;
  Upstream what{url.host, url.port, policy::Address::Parse(address_).value_or(policy::Address{})};
  net::StreamPtr stream = std::make_unique<UpstreamStream>(
      std::move(dialled.stream), std::move(what), upstreams_, std::move(place));
  if (!https()) co_return std::move(stream);
  co_return co_await net::TlsConnect(box_.deps.upstream_tls, std::move(stream), url.host,
                                     Now() + limits.dial_timeout, alpn);
}

Task<void> HttpForward::Forward(http::Exchange& exchange, Passage& passage, Outgoing& out) {
  Ledger& ledger = passage.ledger;
  CountedBody body(exchange.body(), ledger.lease());
  struct Count {
    Passage& passage;
    CountedBody& body;
    ~Count() {
      if (passage.streams == Streams::kMany) passage.ledger.AddBytes(body.bytes(), 0);
    }
  } count{passage, body};
  auto taken = co_await out.Take(body);
  if (!taken) {
    const bool sent = taken.error().code() == Code::kTooLarge;
    ledger.set_outcome(sent ? Reason::kMalformed : Reason::kClientClosed, taken.error().message());
    if (sent) {
      co_await AnswerReason(exchange, Reason::kMalformed, passage.verdict.host,
                            passage.verdict.port);
    }
    co_return;
  }
  http::ClientRequest request = *std::move(taken);
  request.head_deadline = Now() + box_.deps.limits.response_head_timeout;
  const bool upgrade = AsksForWebSocket(exchange.request());
  dial_reason_ = Reason::kAllowed;
  auto response = co_await (upgrade ? upgrade_client_ : client_).Send(std::move(request));
  ledger.set_address(address_);
  if (!response) {
    Reason reason = dial_reason_ == Reason::kAllowed ? Reason::kBroken : dial_reason_;
    const bool dialled = dial_reason_ == Reason::kAllowed;
    if (dialled && response.error().code() == Code::kExhausted) reason = Reason::kUsedUp;
    ledger.set_outcome(reason, response.error().message());
    co_await AnswerReason(exchange, reason, passage.verdict.host, passage.verdict.port);
    co_return;
  }
  if ((*response)->head().status == 101) {
    co_await Upgrade(exchange, **response, passage, out);
  } else {
    co_await Relay(exchange, **response, passage, out);
  }
}

// Whether nothing comes any more.
Task<bool> HttpForward::Ended(http::BodyReader& body) {
  char none = 0;
  const auto n = co_await body.Read({&none, 1});
  co_return n && *n == 0;
}

// Counted and paid for; an error is in the ledger.
Task<Result<size_t>> HttpForward::ReadPiece(http::BodyReader& body, Passage& passage,
                                            std::span<char> buffer) {
  auto n = co_await body.Read(buffer);
  if (!n) {
    passage.ledger.set_outcome(Reason::kBroken, n.error().message());
    co_return n;
  }
  if (!passage.ledger.lease().Spend(*n)) {
    passage.ledger.set_outcome(Reason::kUsedUp);
    co_return Error(Code::kExhausted, std::string(policy::ReasonText(Reason::kUsedUp)));
  }
  if (passage.streams == Streams::kMany) passage.ledger.AddBytes(0, *n);
  co_return n;
}

// Leaving early leaves the writer unfinished, which breaks the connection: a cut body stays cut.
Task<void> HttpForward::Relay(http::Exchange& exchange, http::ClientResponse& response,
                              Passage& passage, Outgoing& out) {
  Ledger& ledger = passage.ledger;
  auto answer = co_await out.TakeAnswer(response);
  if (!answer) {
    ledger.set_outcome(Reason::kBroken, answer.error().message());
    co_await AnswerReason(exchange, Reason::kBroken, passage.verdict.host, passage.verdict.port);
    co_return;
  }
  const uint64_t head_bytes = HeadBytes(answer->head.headers, 0);
  if (passage.streams == Streams::kMany) ledger.AddBytes(0, head_bytes);
  (void)ledger.lease().Spend(head_bytes);
  std::vector<char> buffer(kRelayBuffer);
  size_t have = 0;  // in the buffer, not written yet
  // A body that comes whole, as small ones do, leaves with its head.
  const auto length = answer->body->length();
  if (length && *length > 0 && *length <= buffer.size()) {
    const auto first = co_await ReadPiece(*answer->body, passage, buffer);
    if (!first) {
      co_await AnswerReason(exchange, ledger.outcome(), passage.verdict.host, passage.verdict.port);
      co_return;
    }
    have = *first;
    if (have == *length && co_await Ended(*answer->body) &&
        out.AnswerTrailers(response).size() == 0) {
      std::string body(buffer.data(), have);
      const auto told = co_await exchange.Respond(std::move(answer->head), std::move(body));
      if (!told) ledger.set_outcome(Reason::kClientClosed);
      co_return;
    }
  }
  auto writer = co_await exchange.StartResponse(std::move(answer->head));
  if (!writer) co_return;
  for (;; have = 0) {
    if (have == 0) {
      const auto n = co_await ReadPiece(*answer->body, passage, buffer);
      if (!n) co_return;
      if (*n == 0) break;
      have = *n;
    }
    if (!co_await (*writer)->Write(std::string_view(buffer.data(), have))) {
      ledger.set_outcome(Reason::kClientClosed);
      co_return;
    }
  }
  (void)co_await (*writer)->FinishWith(out.AnswerTrailers(response));
}

Task<void> HttpForward::Upgrade(http::Exchange& exchange, http::ClientResponse& response,
                                Passage& passage, const Outgoing& out) {
  Ledger& ledger = passage.ledger;
  if (!AsksForWebSocket(exchange.request())) {
    ledger.set_outcome(Reason::kBroken, "an upgrade that was not asked for");
    co_await AnswerReason(exchange, Reason::kBroken, passage.verdict.host, passage.verdict.port);
    co_return;
  }
  http::ResponseHead head;
  head.status = 101;
  const std::vector<Replacement> hidden = out.Hidden();
  head.headers = Hide(ResponseHeadersToSend(response.head().headers), hidden);
  head.headers.Add("Connection", "Upgrade");
  head.headers.Add("Upgrade", "websocket");
  const net::StreamPtr server = response.TakeStream();
  client_stream_ = nullptr;
  auto client = co_await exchange.TakeOver(std::move(head));
  if (!client || server == nullptr) co_return;
  const auto still_allowed = [this, &passage] { return StillAllowed(passage.verdict); };
  SearchedStream searched(*server, hidden);
  StreamTunnel tunnel(**client, searched);
  co_await RunTunnel(box_, tunnel, ledger, still_allowed);
  if (searched.found()) ledger.set_outcome(Reason::kSecretInAnswer);
}

}  // namespace cove::gateway
