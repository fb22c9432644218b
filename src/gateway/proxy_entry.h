// A connection to proxy.cove: what a proxy is asked, judged and answered, for tools that use proxy
// variables. Thread: loop-confined.
#pragma once

#include "gateway/incoming.h"

namespace cove::gateway {

// True: what follows is a connection to where the client said, like any other. False: it has ended.
[[gnu::noinline]] Task<bool> PassProxy(Incoming& in);

}  // namespace cove::gateway
