// Names that no rule speaks of, where a rule allows networks: such a name is looked up, and what
// its addresses may, it may, just as if the sandbox had connected to them by number.
//
// A look-up asks a name server whatever the sandbox likes, so it happens only where such a rule
// stands, at a small rate, and is on record. Thread: loop-confined.
#pragma once

#include "gateway/box.h"
#include "net/socket.h"

namespace cove::gateway {

struct ByNetwork {
  policy::Decision decision;  // of the first address that may be dialled, else why none may
  std::vector<net::SocketAddress> addresses;  // that may
  std::string detail;                         // what it leads to, for the audit
};

// REQUIRES: policy->MayLeadToNetwork(host, port). Without a port: any would do.
[[gnu::noinline]] Task<ByNetwork> JudgeByNetwork(Box& box,
                                                 std::shared_ptr<const policy::Policy> policy,
                                                 std::string host, std::optional<uint16_t> port);

}  // namespace cove::gateway
