// The explicit proxies inside a sandbox, for tools that want one: HTTP (CONNECT; absolute targets
// are HttpForward's) and SOCKS5, behind the name kProxyHost.
//
// They add no way out: what they are asked for is read here, and the connection then goes on as if
// it had been redirected from there, with the name that was asked for in place of the one that DNS
// told. Thread: loop-confined.
#pragma once

#include "gateway/stand_ins.h"
#include "net/stream.h"
#include "policy/reason.h"

namespace cove::gateway {

using policy::kHttpProxyPort;
using policy::kSocksProxyPort;

enum class ProxyKind { kHttp, kSocks };

// What a client asks a proxy for.
struct ProxyTarget {
  policy::Reason reason = policy::Reason::kAllowed;  // else it cannot be judged
  std::string host;                                  // canonical; empty: an address
  std::optional<policy::Address> address;
  uint16_t port = 0;
  std::string asked;   // as it was put, for the audit
  std::string detail;  // what is wrong with it, for the client
};

// Reads until it is clear that an HTTP client wants CONNECT. `ahead` gets all bytes that were read.
net::Task<Result<bool>> WantsConnect(net::ByteStream& client, std::string* ahead,
                                     TimePoint deadline);
// Reads the head of a CONNECT, or a SOCKS greeting and request; `ahead` is what was read already,
// and then what came after. An error: the client left, took too long or does not speak the protocol
// (and was told where it can be).
net::Task<Result<ProxyTarget>> ReadProxyTarget(ProxyKind kind, net::ByteStream& client,
                                               std::string* ahead, TimePoint deadline);
// kAllowed: from here on the connection is the client's.
net::Task<Result<void>> AnswerProxy(ProxyKind kind, net::ByteStream& client,
                                    const ProxyTarget& target, policy::Reason reason);

}  // namespace cove::gateway
