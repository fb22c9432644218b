// A TLS 1.3 server may ask for a second ClientHello (HelloRetryRequest, RFC 8446 section 4.1.4),
// and many take the name that this one asks for: it is judged like the first. Thread:
// loop-confined.
#pragma once

#include <functional>

#include "gateway/hello_name.h"
#include "gateway/incoming.h"

namespace cove::gateway {

using JudgeHello = std::function<policy::Reason(const HelloName&)>;

// After the first hello was sent: passes on how the server's answer begins and, where it asks
// again, the second hello. Not kAllowed: that one was held back, and the connection is to be cut.
[[gnu::noinline]] Task<policy::Reason> PassSecondHello(Incoming& in, net::SocketStream& server,
                                                       Ledger& ledger, JudgeHello judge);

}  // namespace cove::gateway
