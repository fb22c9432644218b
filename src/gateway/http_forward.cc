#include "gateway/http_forward.h"

#include <boost/json/object.hpp>

#include "base/text.h"
#include "gateway/dialer.h"
#include "gateway/http_request.h"
#include "gateway/tunnel.h"
#include "json/json.h"
#include "log/log.h"

namespace cove::gateway {
namespace {

using policy::Reason;

constexpr uint16_t kModelPort = 80;
constexpr size_t kRelayBuffer = 32 * 1024;

int StatusOf(Reason reason) {
  switch (reason) {
    case Reason::kMalformed:
    case Reason::kBadName:
    case Reason::kNoName:
      return 400;
    case Reason::kResolveFailed:
    case Reason::kDialFailed:
    case Reason::kBroken:
      return 502;
    case Reason::kAuditUnavailable:
    case Reason::kPolicyUnavailable:
      return 503;
    default:
      return 403;
  }
}

Task<void> Answer(http::Exchange& exchange, Reason reason, std::string host, uint16_t port) {
  json::Object body;
  body.emplace("error", StatusOf(reason) == 502 ? "egress_failed" : "egress_denied");
  body.emplace("reason", policy::ReasonName(reason));
  body.emplace("message", policy::ReasonText(reason));
  if (!host.empty()) body.emplace("host", host);
  body.emplace("port", port);
  http::ResponseHead head;
  head.status = StatusOf(reason);
  head.headers.Add("Content-Type", "application/json");
  head.headers.Add("Connection", "close");
  (void)co_await exchange.Respond(std::move(head), json::Write(body) + "\n");
}

// Resolving and dialling have limits of their own, and tell more when they pass.
http::ClientLimits ClientLimitsFor(const Limits& limits) {
  http::ClientLimits out;
  out.connect_timeout = limits.resolve_timeout + limits.dial_timeout + seconds(1);
  return out;
}

Task<void> ServeAndTell(http::Server& server, net::StreamPtr stream, std::string peer,
                        async::Event* done) {
  co_await server.ServeConnection(std::move(stream), std::move(peer));
  done->Set();
}

}  // namespace

HttpForward::HttpForward(Box& box, HttpOrigin origin, const Counters& counters)
    : box_(box),
      origin_(std::move(origin)),
      counters_(counters),
      client_(*box.deps.resolver_pool, nullptr, ClientLimitsFor(box.deps.limits)) {
  client_.set_dialer([this](http::Url url, TimePoint) { return Dial(std::move(url)); });
}

Task<void> HttpForward::Serve(net::StreamPtr client) {
  http::Server server([this](http::Exchange& exchange) { return Handle(exchange); });
  client_stream_ = client.get();
  async::Event done;
  {
    async::TaskGroup group;
    group.Spawn(ServeAndTell(server, std::move(client), box_.id.value, &done));
    const Flows::Member member(box_.flows, done);
    while (!done.is_set()) {
      co_await done.Wait();
      if (done.is_set() || ledger_ == nullptr || StillAllowed()) continue;
      ledger_->set_outcome(Reason::kRevoked);
      // What is cut must not look whole: a body may end where its connection ends.
      if (client_stream_ != nullptr) client_stream_->MarkAborted();
      break;
    }
  }
  SettleLedger();
}

// The bytes since the last record was closed belong to the host asked for since then.
void HttpForward::SettleLedger() {
  if (ledger_ != nullptr) {
    ledger_->AddBytes(counters_.out - settled_.out, counters_.in - settled_.in);
  }
  settled_ = counters_;
  ledger_.reset();
  allowed_ = {};
}

bool HttpForward::StillAllowed() const {
  if (allowed_.host == kModelHost) return true;
  const auto policy = box_.Policy();
  return policy != nullptr && policy
                                  ->EvaluateRequest(allowed_.host, origin_.destination.port,
                                                    allowed_.method, allowed_.target)
                                  .allow;
}

HttpForward::Verdict HttpForward::Judge(const http::RequestHead& request) const {
  const uint16_t port = origin_.destination.port;
  const RequestTarget asked = ReadRequestTarget(request, https() ? "https" : "http");
  Verdict out;
  out.host = asked.host;
  out.target = asked.target;
  out.method = request.method;
  out.decision.reason = asked.reason;
  if (asked.reason != Reason::kAllowed) return out;
  if (origin_.name && *origin_.name != asked.host) {
    out.decision.reason = Reason::kNameMismatch;
    return out;
  }
  if (asked.port && *asked.port != port) {
    out.decision.reason = Reason::kPortMismatch;
    return out;
  }
  if (asked.host == kModelHost && !https()) {
    const bool right = port == kModelPort && box_.deps.model != nullptr;
    out.decision = {right,
                    right ? Reason::kModelGateway : Reason::kPortNotAllowed,
                    {},
                    policy::Layer::kBuiltIn};
    return out;
  }
  const auto policy = box_.Policy();
  if (policy == nullptr) {
    out.decision.reason = Reason::kPolicyUnavailable;
    return out;
  }
  out.decision = policy->EvaluateRequest(asked.host, port, request.method, asked.target);
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
  question.port = origin_.destination.port;
  question.method = request.method;
  question.target = verdict.target;
  question.by_rule = &by_rule;
  auto found = credentials == nullptr ? Error(Code::kDenied, "the sandbox has no secrets")
                                      : credentials->For(question);
  if (found) {
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
  url.port = origin_.destination.port;
  url.target = verdict.target;
  return Outgoing(request, std::move(url), verdict.secrets);
}

Task<void> HttpForward::Handle(http::Exchange& exchange) {
  const Verdict verdict = Judge(exchange.request());
  if (!verdict.decision.allow) {
    co_await Refuse(exchange, verdict);
    co_return;
  }
  Outgoing out = MakeOutgoing(exchange.request(), verdict);
  if (!co_await OpenLedger(verdict, out.secrets())) {
    co_await Answer(exchange, Reason::kAuditUnavailable, verdict.host, origin_.destination.port);
    co_return;
  }
  ledger_->AddRequest();
  if (verdict.host == kModelHost) {
    co_await box_.deps.model(box_.id, exchange);
  } else {
    co_await Forward(exchange, verdict, out);
  }
}

audit::Record HttpForward::Row(const Verdict& verdict) const {
  const bool model = verdict.decision.reason == Reason::kModelGateway;
  audit::Record record = box_.NewRecord(model ? "model" : https() ? "https" : "http");
  record.host = verdict.host;
  record.port = origin_.destination.port;
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
  box_.Denied(std::move(record), verdict.decision.reason);
  co_await Answer(exchange, verdict.decision.reason, verdict.host, origin_.destination.port);
}

Task<bool> HttpForward::OpenLedger(const Verdict& verdict,
                                   const std::vector<std::string>& secrets) {
  // Where a rule is about requests, each one is a decision of its own.
  const bool shared = !verdict.decision.by_request && allowed_.host == verdict.host;
  if (ledger_ != nullptr && shared) {
    allowed_ = verdict;
    co_return true;
  }
  SettleLedger();
  auto ledger = std::make_unique<Ledger>(*box_.deps.audit);
  audit::Record record = Row(verdict);
  if (!secrets.empty()) record.detail = "with secret " + Join(secrets, ", ");
  const auto opened = co_await ledger->Open(std::move(record));
  if (!opened) {
    log::Error("gateway.audit_failed", {{"error", opened.error().message()}});
    co_return false;
  }
  ledger_ = std::move(ledger);
  allowed_ = verdict;
  co_return true;
}

Task<Result<net::StreamPtr>> HttpForward::Dial(http::Url url) {
  // Judged again, because a pooled connection may have been opened under another policy.
  const auto policy = box_.Policy();
  if (policy == nullptr || !policy->Evaluate(url.host, url.port).allow) {
    dial_reason_ = Reason::kRevoked;
    co_return Error(Code::kDenied, "the rule is gone");
  }
  Dialled dialled = co_await DialName(box_, policy, url.host, url.port);
  dial_reason_ = dialled.reason;
  if (dialled.stream == nullptr) {
    if (ledger_ != nullptr) ledger_->set_outcome(dialled.reason, dialled.detail);
    co_return Error(Code::kUnavailable, dialled.detail);
  }
  if (ledger_ != nullptr) ledger_->set_address(dialled.address);
  if (!https()) co_return net::StreamPtr(std::move(dialled.stream));
  co_return co_await net::TlsConnect(box_.deps.upstream_tls, std::move(dialled.stream), url.host,
                                     Now() + box_.deps.limits.dial_timeout);
}

Task<void> HttpForward::Forward(http::Exchange& exchange, const Verdict& verdict, Outgoing& out) {
  auto taken = co_await out.Take(exchange.body());
  if (!taken) {
    ledger_->set_outcome(Reason::kClientClosed, taken.error().message());
    co_return;
  }
  http::ClientRequest request = *std::move(taken);
  request.head_deadline = Now() + box_.deps.limits.response_head_timeout;
  dial_reason_ = Reason::kAllowed;
  auto response = co_await client_.Send(std::move(request));
  if (!response) {
    const Reason reason = dial_reason_ == Reason::kAllowed ? Reason::kBroken : dial_reason_;
    ledger_->set_outcome(reason, response.error().message());
    co_await Answer(exchange, reason, verdict.host, origin_.destination.port);
    co_return;
  }
  if ((*response)->head().status == 101) {
    co_await Upgrade(exchange, **response, verdict.host);
  } else {
    co_await Relay(exchange, **response, out);
  }
}

// Leaving early leaves the writer unfinished, which breaks the connection: a cut body stays cut.
Task<void> HttpForward::Relay(http::Exchange& exchange, http::ClientResponse& response,
                              Outgoing& out) {
  auto answer = co_await out.TakeAnswer(response);
  if (!answer) {
    ledger_->set_outcome(Reason::kBroken, answer.error().message());
    co_await Answer(exchange, Reason::kBroken, allowed_.host, origin_.destination.port);
    co_return;
  }
  auto writer = co_await exchange.StartResponse(std::move(answer->head));
  if (!writer) co_return;
  std::vector<char> buffer(kRelayBuffer);
  for (;;) {
    const auto n = co_await answer->body->Read(buffer);
    if (!n) {
      ledger_->set_outcome(Reason::kBroken, n.error().message());
      co_return;
    }
    if (*n == 0) break;
    if (!co_await (*writer)->Write(std::string_view(buffer.data(), *n))) {
      ledger_->set_outcome(Reason::kClientClosed);
      co_return;
    }
  }
  (void)co_await (*writer)->Finish();
}

Task<void> HttpForward::Upgrade(http::Exchange& exchange, http::ClientResponse& response,
                                std::string host) {
  if (!AsksForWebSocket(exchange.request())) {
    ledger_->set_outcome(Reason::kBroken, "an upgrade that was not asked for");
    co_await Answer(exchange, Reason::kBroken, host, origin_.destination.port);
    co_return;
  }
  http::ResponseHead head;
  head.status = 101;
  head.headers = ResponseHeadersToSend(response.head().headers);
  head.headers.Add("Connection", "Upgrade");
  head.headers.Add("Upgrade", "websocket");
  const net::StreamPtr server = response.TakeStream();
  client_stream_ = nullptr;
  auto client = co_await exchange.TakeOver(std::move(head));
  if (!client || server == nullptr) co_return;
  const auto still_allowed = [this] { return StillAllowed(); };
  co_await RunTunnel(box_, **client, *server, *ledger_, still_allowed);
}

}  // namespace cove::gateway
