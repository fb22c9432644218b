// The packet rules inside a box: what is redirected to the gateway's sockets and what is refused.
// docs/decisions/0012-network-without-a-card.md says why each is there.
#pragma once

#include "sys/netlink.h"

namespace cove::sandbox {

// Most connections a box may have open to the gateway at once; more are refused.
inline constexpr uint32_t kBoxConnectionsMax = 8192;

sys::NetlinkBatch BoxRules();

}  // namespace cove::sandbox
