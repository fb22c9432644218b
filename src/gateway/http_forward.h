// HTTP from a sandbox, plain or out of TLS that the gateway opened, request by request.
//
// Concept: the connection ends here: each request is parsed, its Host judged (http_judge.h), and
// sent on as a new request built from what was understood (http_relay.h); so neither a second
// request on the same connection nor a framing trick reaches a host that was not judged. Bodies and
// upgrades stream. A denied request gets a 403 with a JSON reason, and the connection closes
// (HTTP/1).
// Plain HTTP: one decision is recorded for each host that a connection asks for, and its closing
// record counts the requests, unless a rule is about requests. Out of TLS: one for each request.
// `models.cove` is answered by the model gateway instead.
// HTTP/2 (in TLS only) is the same, stream by stream; client and server each speak the version they
// agreed on. Streams count as connections of the sandbox.
// Thread: loop-confined. The box must outlive it.
#pragma once

#include "gateway/http_relay.h"

namespace cove::gateway {

class HttpForward {
 public:
  // `counters` is what `client` counts on; both must outlive it.
  HttpForward(Box& box, HttpOrigin origin, const Counters& counters);
  HttpForward(const HttpForward&) = delete;
  Task<void> Serve(net::StreamPtr client);

 private:
  Task<void> Handle(http::Exchange& exchange);
  Task<void> Refuse(http::Exchange& exchange, const Verdict& verdict);
  Outgoing MakeOutgoing(const http::RequestHead& request, const Verdict& verdict) const;
  http::Refusal Unsound(int status, std::string_view why);
  bool CutRevoked();
  const HttpOrigin& origin() const { return judge_.origin(); }

  Box& box_;
  const HttpJudge judge_;
  net::ByteStream* client_stream_ = nullptr;  // while the server reads requests from it
  size_t streams_ = 0;                        // of HTTP/2, on this connection
  HeldConnections held_;
  Passages passages_;
  HttpServers servers_;
  HttpRelay relay_;
};

}  // namespace cove::gateway
