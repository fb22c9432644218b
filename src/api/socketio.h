// /api/socket.io/: state changes of an organisation's sandboxes, pushed to clients that would poll
// otherwise. WebSocket transport only. A client that falls too far behind is cut off; it then
// polls. Thread: loop-confined.
#pragma once

#include "api/call.h"

namespace cove::api {

// Serves one connection to its end; the key comes in the first packet, so there is no caller yet.
Task<void> ServeSocketIo(const Context& context, http::Exchange& exchange);

}  // namespace cove::api
