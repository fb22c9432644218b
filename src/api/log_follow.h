// Following a command's log over a WebSocket: the whole log from its start, then live, in binary
// messages with stream markers; closed when the command has ended and everything was sent.
// Thread: loop-confined.
#pragma once

#include "api/call.h"

namespace cove::api {

Task<Result<void>> FollowLogs(Call& call);

}  // namespace cove::api
