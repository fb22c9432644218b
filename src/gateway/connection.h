// One redirected TCP connection, from accept to its end.
//
// The order is the design: where was it going, what name does it say, what does the policy say,
// is that on record, which addresses are fit, dial, pump, record the end. A step that fails ends
// the connection with a reset. Thread: loop-confined. The box must outlive it.
#pragma once

#include "gateway/box.h"

namespace cove::gateway {

Task<void> ServeTransparent(Box& box, UniqueFd connection);
// One too many: who speaks HTTP (plain, to a proxy, or in TLS that is opened) gets to read that;
// any other is reset. Recorded either way, and over within turn_away_timeout.
Task<void> TurnAwayTransparent(Box& box, UniqueFd connection);

}  // namespace cove::gateway
