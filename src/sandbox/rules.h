// The packet rules inside a box: what is redirected to the gateway's sockets and what is refused.
// docs/decisions/0012-network-without-a-card.md says why each is there.
#pragma once

#include "sys/netlink.h"

namespace cove::sandbox {

// Most connections (and recent DNS queries) of a box at once; more are refused at once. They cost
// kernel memory that no cgroup counts, out of a table that all boxes share.
inline constexpr uint32_t kBoxConnectionsMax = 4096;
// The kernel's memory for tracked connections of whatever kind is counted nowhere, so their number
// is bounded: first packets beyond it are dropped. TCP within 127/8 is not tracked at all.
inline constexpr uint32_t kBoxTrackedMax = 8192;

sys::NetlinkBatch BoxRules();

}  // namespace cove::sandbox
