// The sandbox's name server: answers everything by itself, asks nobody.
//
// Concept: the policy speaks before any name would be looked up, and what a sandbox gets is never
// an address of the world but a stand-in (stand_ins.h); so a question cannot carry data out and
// an answer cannot carry an address in. Names that no rule could allow get NXDOMAIN at once and an
// audit row. Only A has answers: AAAA, HTTPS, SVCB and the rest of an allowed name are NODATA, so
// that no client learns of an Encrypted Client Hello.
// Thread: loop-confined. The box must outlive all of this.
#pragma once

#include <span>
#include <vector>

#include "codec/dns.h"
#include "gateway/box.h"
#include "net/socket.h"

namespace cove::gateway {

enum class DnsTransport { kUdp, kTcp };

// The whole answer to one message; empty: none is to be sent.
std::vector<uint8_t> AnswerDns(Box& box, std::span<const uint8_t> message, DnsTransport transport);

// Serves datagrams until the socket breaks.
Task<void> ServeDnsUdp(Box& box, UniqueFd socket);
// Serves one TCP connection (RFC 7766).
Task<void> ServeDnsTcp(Box& box, UniqueFd connection);

}  // namespace cove::gateway
