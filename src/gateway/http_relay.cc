#include "gateway/http_relay.h"

#include "gateway/counted_body.h"
#include "gateway/http_answer.h"
#include "gateway/searched_stream.h"
#include "gateway/tunnel.h"
#include "http/websocket.h"

namespace cove::gateway {
namespace {

using policy::Reason;

constexpr size_t kRelayBuffer = 32 * 1024;

Task<void> Tell(http::Exchange& exchange, const Passage& passage, Reason reason,
                std::string detail = {}) {
  co_await AnswerReason(exchange, reason, passage.verdict().host, passage.verdict().port,
                        std::move(detail));
}

// Whether nothing comes any more.
Task<bool> Ended(http::BodyReader& body) {
  char none = 0;
  const auto n = co_await body.Read({&none, 1});
  co_return n && *n == 0;
}

// Counted and paid for; an error is in the ledger.
Task<Result<size_t>> ReadPiece(http::BodyReader& body, Passage& passage, std::span<char> buffer) {
  auto n = co_await body.Read(buffer);
  if (!n) {
    passage.ledger().set_outcome(Reason::kBroken, n.error().message());
    co_return n;
  }
  if (auto paid = SpendBytes(passage.ledger().lease(), *n); !paid) {
    passage.ledger().set_outcome(Reason::kUsedUp);
    co_return std::move(paid).error();
  }
  passage.AddBytes(0, *n);
  co_return n;
}

// Leaving early leaves the writer unfinished, which breaks the connection: a cut body stays cut.
Task<void> RelayAnswer(http::Exchange& exchange, http::ClientResponse& response, Passage& passage,
                       Outgoing& out) {
  Ledger& ledger = passage.ledger();
  auto answer = co_await out.TakeAnswer(response);
  if (!answer) {
    const bool unread = answer.error().code() == Code::kDenied;
    const Reason reason = unread ? Reason::kSecretInAnswer : Reason::kBroken;
    ledger.set_outcome(reason, answer.error().message());
    co_await Tell(exchange, passage, reason);
    co_return;
  }
  const uint64_t head_bytes = HeadBytes(answer->head.headers);
  passage.AddBytes(0, head_bytes);
  (void)ledger.lease().Spend(head_bytes);
  std::vector<char> buffer(kRelayBuffer);
  size_t have = 0;  // in the buffer, not written yet
  // A body that comes whole, as small ones do, leaves with its head.
  const auto length = answer->body->length();
  if (length && *length > 0 && *length <= buffer.size()) {
    const auto first = co_await ReadPiece(*answer->body, passage, buffer);
    if (!first) {
      co_await Tell(exchange, passage, ledger.outcome());
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

Task<void> Upgrade(HttpRelay& relay, http::Exchange& exchange, http::ClientResponse& response,
                   Passage& passage, const Outgoing& out) {
  Ledger& ledger = passage.ledger();
  const http::RequestHead& asked = exchange.request();
  const bool wanted = http::IsWebSocketUpgrade(asked);
  if (!wanted || !http::AnswersWebSocket(out.websocket_key(), response.head().headers)) {
    // Whoever can make a server say 101 would have a tunnel whose requests nobody reads.
    ledger.set_outcome(Reason::kBroken, wanted ? "a 101 that is no WebSocket's answer"
                                               : "an upgrade that was not asked for");
    co_await Tell(exchange, passage, Reason::kBroken);
    co_return;
  }
  http::ResponseHead head;
  head.status = 101;
  const std::vector<Replacement> hidden = out.Hidden();
  head.headers = Hide(ResponseHeadersToSend(response.head().headers), hidden);
  head.headers.Add("Connection", "Upgrade");
  head.headers.Add("Upgrade", "websocket");
  head.headers.Set("Sec-WebSocket-Accept",
                   http::AcceptKey(asked.headers.Get("Sec-WebSocket-Key").value_or("")));
  const net::StreamPtr server = response.TakeStream();
  relay.on_taken_over();
  auto client = co_await exchange.TakeOver(std::move(head));
  if (!client || server == nullptr) co_return;
  const auto still_allowed = [&relay, &passage] {
    return relay.judge.StillAllowed(passage.verdict(), passage.ledger().lease());
  };
  SearchedStream searched(*server, hidden);
  StreamTunnel tunnel(**client, searched);
  co_await RunTunnel(relay.box, tunnel, ledger, still_allowed);
  if (searched.found()) ledger.set_outcome(Reason::kSecretInAnswer);
}

}  // namespace

Route::Protocol ProtocolFor(const http::RequestHead& request) {
  return http::IsWebSocketUpgrade(request) ? Route::Protocol::kHttp1 : Route::Protocol::kAny;
}

uint64_t HeadBytes(const http::Headers& fields) {
  constexpr uint64_t kPerField = 4;
  uint64_t out = 0;
  for (const auto& [name, value] : fields) out += name.size() + value.size() + kPerField;
  return out;
}

Task<void> RelayRequest(HttpRelay& relay, http::Exchange& exchange, Passage& passage,
                        Outgoing& out) {
  Ledger& ledger = passage.ledger();
  CountedBody body(exchange.body(), ledger.lease());
  struct Count {
    Passage& passage;
    CountedBody& body;
    Outgoing& out;
    ~Count() {
      passage.AddBytes(body.bytes(), 0);
      for (const std::string& name : out.secrets()) passage.ledger().AddSecret(name);
    }
  } count{passage, body, out};
  auto taken = co_await out.Take(body);
  if (!taken) {
    const bool wrong = taken.error().code() == Code::kTooLarge || !body.unsound().empty();
    const std::string why = taken.error().message();
    ledger.set_outcome(wrong ? Reason::kMalformed : Reason::kClientClosed, why);
    if (wrong) co_await Tell(exchange, passage, Reason::kMalformed, why);
    co_return;
  }
  http::ClientRequest request = *std::move(taken);
  request.head_deadline = Now() + relay.box.deps.limits.response_head_timeout;
  const Route::Protocol protocol = ProtocolFor(exchange.request());
  auto answer = co_await relay.servers.Send(std::move(request), protocol);
  ledger.set_address(std::move(answer.address));
  if (!body.unsound().empty()) {
    // What was sent of it has no end that a server could take for whole.
    ledger.set_outcome(Reason::kMalformed, body.unsound());
    co_await Tell(exchange, passage, Reason::kMalformed, body.unsound());
    co_return;
  }
  if (!answer.response) {
    ledger.set_outcome(answer.reason, answer.response.error().message());
    co_await Tell(exchange, passage, answer.reason);
    co_return;
  }
  http::ClientResponse& response = **answer.response;
  if (response.head().status == 101) {
    co_await Upgrade(relay, exchange, response, passage, out);
  } else {
    co_await RelayAnswer(exchange, response, passage, out);
  }
}

}  // namespace cove::gateway
