// The sandbox's name server: answers everything by itself.
//
// Concept: the policy speaks before any name would be looked up, and what a sandbox gets is never
// an address of the world but a stand-in (stand_ins.h); so a question cannot carry data out and
// an answer cannot carry an address in. Names that no rule could allow get NXDOMAIN at once and an
// audit row. Only A has answers: AAAA, HTTPS, SVCB and the rest of an allowed name are NODATA, so
// that no client learns of an Encrypted Client Hello. A name server is asked only where a rule
// allows a network that the name may lead to (by_network.h).
// Thread: loop-confined. The box must outlive all of this.
#pragma once

#include "codec/dns.h"
#include "gateway/box.h"
#include "net/socket.h"

namespace cove::gateway {

// Serves datagrams until the socket breaks.
Task<void> ServeDnsUdp(Box& box, UniqueFd socket);
// Serves one TCP connection (RFC 7766).
Task<void> ServeDnsTcp(Box& box, UniqueFd connection);

}  // namespace cove::gateway
