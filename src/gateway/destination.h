// Where a redirected connection was going, as the kernel's connection tracking remembers it.
// It is the sandbox's claim about an address, never more: nothing is dialled because of it alone.
// Source: SO_ORIGINAL_DST of nf_conntrack (linux/netfilter_ipv4.h, netfilter_ipv6/ip6_tables.h).
// Thread: no state.
#pragma once

#include "net/socket.h"
#include "policy/address.h"

namespace cove::gateway {

struct Destination {
  policy::Address address;
  uint16_t port = 0;
  std::string ToString() const;
};

// kNotFound: the connection was not redirected: it was made to the listener itself.
Result<Destination> OriginalDestination(int fd);

policy::Address ToPolicyAddress(const net::SocketAddress& address);

// This machine's addresses and the networks it is attached to (getifaddrs), for policy::Classify.
Result<policy::LocalNetworks> ReadLocalNetworks();

}  // namespace cove::gateway
