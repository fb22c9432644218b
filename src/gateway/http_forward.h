// HTTP from a sandbox, plain or out of TLS that the gateway opened, request by request.
//
// Concept: the connection ends here: each request is parsed, its Host judged, and sent on as a new
// request built from what was understood; so neither a second request on the same connection
// nor a framing trick reaches a host that was not judged. Bodies and upgrades stream. A denied
// request gets a 403 with a JSON reason, and the connection closes (HTTP/1).
// Plain HTTP: one decision is recorded for each host that a connection asks for, and its closing
// record counts the requests, unless a rule is about requests. Out of TLS: one for each request.
// `models.cove` is answered by the model gateway instead.
// HTTP/2 (in TLS only) is the same, stream by stream; client and server each speak the version they
// agreed on. Streams count as connections of the sandbox.
// Thread: loop-confined. The box must outlive it.
#pragma once

#include <unordered_set>

#include "gateway/box.h"
#include "gateway/client_stream.h"
#include "gateway/ledger.h"
#include "gateway/outgoing.h"
#include "gateway/upstream.h"
#include "http/client.h"

namespace cove::gateway {

// Where the connection was going, as far as is known.
struct HttpOrigin {
  // kProxy: the client knows that it speaks to a proxy; each request says where it is to go.
  enum class Scheme { kHttp, kHttps, kProxy };
  Scheme scheme = Scheme::kHttp;
  std::optional<std::string> name;  // that it was looked up by, or that TLS was asked for
  Destination destination;
  // Not kAllowed: every request is refused for it, whatever it asks.
  policy::Reason turned_away = policy::Reason::kAllowed;
  // A rule allows the address itself: what no rule says about a name holds for it.
  bool by_number = false;
};

class HttpForward {
 public:
  // `counters` is what `client` counts on; both must outlive it.
  HttpForward(Box& box, HttpOrigin origin, const Counters& counters);
  ~HttpForward();
  HttpForward(const HttpForward&) = delete;
  Task<void> Serve(net::StreamPtr client);

 private:
  struct Verdict {
    policy::Decision decision;
    std::string host;
    uint16_t port = 0;
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
  // How many requests the client's connection carries at a time.
  enum class Streams { kOne, kMany };
  struct Passage;
  // Null: refused, `why` is set: a limit, or else the audit's failure.
  Task<std::shared_ptr<Passage>> OpenPassage(Verdict verdict,
                                             const std::vector<std::string>& secrets,
                                             Streams streams, policy::Reason* why);
  Task<void> Forward(http::Exchange& exchange, Passage& passage, Outgoing& out);
  static Task<Result<size_t>> ReadPiece(http::BodyReader& body, Passage& passage,
                                        std::span<char> buffer);
  static Task<bool> Ended(http::BodyReader& body);
  Task<void> Relay(http::Exchange& exchange, http::ClientResponse& response, Passage& passage,
                   Outgoing& out);
  Task<void> Upgrade(http::Exchange& exchange, http::ClientResponse& response, Passage& passage,
                     const Outgoing& out);
  Task<Result<net::StreamPtr>> Dial(http::Url url, net::Alpn alpn);
  void Unsound(int status, std::string_view why);
  bool CutRevoked();
  bool MayStay(const Upstream& upstream) const;
  bool ByNumber(const policy::Policy& policy, std::string_view host, uint16_t port) const;
  std::vector<net::SocketAddress> ToNumber() const;
  policy::Decision JudgeRequest(const policy::Policy& policy, const std::string& host,
                                uint16_t port, const std::string& method,
                                const std::string& target) const;
  bool StillAllowed(const Verdict& verdict) const;
  bool https() const { return origin_.scheme == HttpOrigin::Scheme::kHttps; }
  bool proxy() const { return origin_.scheme == HttpOrigin::Scheme::kProxy; }

  Box& box_;
  const HttpOrigin origin_;
  const Counters& counters_;
  Counters settled_;
  net::ByteStream* client_stream_ = nullptr;  // while the server reads requests from it
  std::unordered_set<Passage*> passages_;     // all that are under way
  std::shared_ptr<Passage> run_;              // plain HTTP: of the requests to one host
  policy::Reason dial_reason_ = policy::Reason::kAllowed;
  std::string address_;  // dialled last
  size_t streams_ = 0;   // of HTTP/2, on this connection
  Upstreams upstreams_;
  http::Client client_;
  http::Client upgrade_client_;  // for WebSockets, which are HTTP/1's
};

}  // namespace cove::gateway
