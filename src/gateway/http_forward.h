// HTTP from a sandbox, plain or out of TLS that the gateway opened, request by request.
//
// Concept: the connection ends here: each request is parsed, its Host judged, and sent on as a new
// request built from what was understood; so neither a second request on the same connection
// nor a framing trick reaches a host that was not judged. Bodies and upgrades stream. A denied
// request gets a 403 with a JSON reason, and the connection closes.
// One decision is recorded for each host that a connection asks for; its closing record counts
// the requests. `models.cove` is answered by the model gateway instead.
// Thread: loop-confined. The box must outlive it.
#pragma once

#include "gateway/box.h"
#include "gateway/client_stream.h"
#include "gateway/ledger.h"
#include "gateway/outgoing.h"
#include "http/client.h"

namespace cove::gateway {

// Where the connection was going, as far as is known.
struct HttpOrigin {
  enum class Scheme { kHttp, kHttps };
  Scheme scheme = Scheme::kHttp;
  std::optional<std::string> name;  // that it was looked up by, or that TLS was asked for
  Destination destination;
};

class HttpForward {
 public:
  // `counters` is what `client` counts on; both must outlive it.
  HttpForward(Box& box, HttpOrigin origin, const Counters& counters);
  Task<void> Serve(net::StreamPtr client);

 private:
  struct Verdict {
    policy::Decision decision;
    std::string host;
    std::string target;
    std::string method;
    // For the audit: the query may hold secrets.
    std::string Path() const { return target.substr(0, target.find('?')); }
    CredentialUse secrets;
  };
  Task<void> Handle(http::Exchange& exchange);
  Verdict Judge(const http::RequestHead& request) const;
  audit::Record Row(const Verdict& verdict) const;
  Task<void> Refuse(http::Exchange& exchange, const Verdict& verdict);
  void FindSecrets(const http::RequestHead& request, Verdict& verdict) const;
  Outgoing MakeOutgoing(const http::RequestHead& request, const Verdict& verdict) const;
  Task<bool> OpenLedger(const Verdict& verdict, const std::vector<std::string>& secrets);
  Task<void> Forward(http::Exchange& exchange, const Verdict& verdict, Outgoing& out);
  Task<void> Relay(http::Exchange& exchange, http::ClientResponse& response, Outgoing& out);
  Task<void> Upgrade(http::Exchange& exchange, http::ClientResponse& response, std::string host);
  Task<Result<net::StreamPtr>> Dial(http::Url url);
  bool StillAllowed() const;
  void SettleLedger();
  bool https() const { return origin_.scheme == HttpOrigin::Scheme::kHttps; }

  Box& box_;
  const HttpOrigin origin_;
  const Counters& counters_;
  Counters settled_;
  net::ByteStream* client_stream_ = nullptr;  // while the server reads requests from it
  std::unique_ptr<Ledger> ledger_;
  Verdict allowed_;  // the last one, while the ledger is open
  policy::Reason dial_reason_ = policy::Reason::kAllowed;
  http::Client client_;
};

}  // namespace cove::gateway
