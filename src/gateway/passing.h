// Connections that pass as they are: judged, on record, dialled, pumped until an end. Thread:
// loop-confined.
#pragma once

#include "gateway/hello_name.h"
#include "gateway/incoming.h"

namespace cove::gateway {

// By number nobody may go where a name is denied, or hide it.
policy::Reason JudgeNameByNumber(const Incoming& in, const HelloName& name);

// To an allowed name: a TLS connection that asks for it ("tls"), or whatever the client speaks that
// looked it up ("tcp").
[[gnu::noinline]] Task<void> PassToName(Incoming& in, std::string channel, std::string host,
                                        policy::Decision decision);
// By number. REQUIRES: in.by_number.
[[gnu::noinline]] Task<void> PassToAddress(Incoming& in);

// Whether the name that it was looked up by leads to an address that a rule allows by its network;
// in.by_network then has it.
[[gnu::noinline]] Task<bool> LeadsToNetwork(Incoming& in);

}  // namespace cove::gateway
