// Connections whose requests are read and judged one by one: plain HTTP, a proxy's, and TLS that is
// opened. Thread: loop-confined.
#pragma once

#include "gateway/http_forward.h"
#include "gateway/incoming.h"

namespace cove::gateway {

// `ahead` was read of it already. kHttp or kProxy.
[[gnu::noinline]] Task<void> ServePlainHttp(Incoming& in, HttpOrigin::Scheme scheme,
                                            std::string ahead);

// TLS ends here and begins anew towards the server, whose certificate is verified; in between,
// requests are judged one by one. The name in the hello binds them all.
[[gnu::noinline]] Task<void> ServeOpenedTls(Incoming& in, std::string host,
                                            policy::Decision decision);

}  // namespace cove::gateway
