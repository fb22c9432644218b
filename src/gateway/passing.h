// Connections that pass as they are: judged, on record, dialled, pumped until an end. Thread:
// loop-confined.
#pragma once

#include "gateway/incoming.h"

namespace cove::gateway {

// To an allowed name: a TLS connection that asks for it ("tls"), or whatever the client speaks that
// looked it up ("tcp").
[[gnu::noinline]] Task<void> PassToName(Incoming& in, std::string channel, std::string host,
                                        policy::Decision decision);
// To the very address, which a rule allows.
[[gnu::noinline]] Task<void> PassToAddress(Incoming& in, policy::Decision decision);

// Whether the name that it was looked up by leads to an address that a rule allows by its network;
// in.by_network then has it.
[[gnu::noinline]] Task<bool> LeadsToNetwork(Incoming& in);
// To such an address. REQUIRES: LeadsToNetwork.
[[gnu::noinline]] Task<void> PassToNetwork(Incoming& in);

}  // namespace cove::gateway
