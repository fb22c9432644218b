#include "gateway/destination.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <bit>
#include <cstring>
#include <memory>

namespace cove::gateway {
namespace {

// linux/netfilter_ipv4.h and ip6_tables.h do not go together with the C library's headers.
constexpr int kSoOriginalDst = 80;

uint8_t MaskBits(const policy::Address& mask) {
  uint8_t bits = 0;
  for (const uint8_t byte : mask.bytes) {
    bits = static_cast<uint8_t>(bits + std::countl_one(byte));
    if (byte != 0xff) break;
  }
  return bits;
}

policy::Address FromSockaddr(const sockaddr* raw) {
  policy::Address out;
  if (raw->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, raw, sizeof v4);
    std::memcpy(out.bytes.data(), &v4.sin_addr, 4);
  } else if (raw->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, raw, sizeof v6);
    out.v6 = true;
    std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
  }
  return out;
}

policy::Prefix NetworkOf(const policy::Address& address, uint8_t bits) {
  policy::Prefix out{address, bits};
  for (size_t i = bits; i < (address.v6 ? 128u : 32u); ++i) {
    out.base.bytes[i / 8] &= static_cast<uint8_t>(~(0x80 >> i % 8));
  }
  return out;
}

}  // namespace

std::string Destination::ToString() const {
  const std::string ip = address.ToString();
  return (address.v6 ? "[" + ip + "]:" : ip + ":") + std::to_string(port);
}

policy::Address ToPolicyAddress(const net::SocketAddress& address) {
  return FromSockaddr(address.get());
}

Result<Destination> OriginalDestination(int fd) {
  ASSIGN_OR_RETURN(const net::SocketAddress local, net::LocalAddress(fd));
  net::SocketAddress original;
  original.size = sizeof original.storage;
  const int level = local.family() == AF_INET6 ? SOL_IPV6 : SOL_IP;
  if (getsockopt(fd, level, kSoOriginalDst, &original.storage, &original.size) != 0) {
    if (errno == ENOENT) return Error(Code::kNotFound, "the connection was not redirected");
    return Error::FromErrno("SO_ORIGINAL_DST");
  }
  Destination out{ToPolicyAddress(original), original.port()};
  if (out.address == ToPolicyAddress(local) && out.port == local.port()) {
    return Error(Code::kNotFound, "the connection was made to the listener itself");
  }
  return out;
}

Result<policy::LocalNetworks> ReadLocalNetworks() {
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return Error::FromErrno("cannot list this machine's addresses");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(raw, freeifaddrs);
  policy::LocalNetworks out;
  for (const ifaddrs* i = list.get(); i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    const int family = i->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const policy::Address address = FromSockaddr(i->ifa_addr);
    out.own.push_back(address);
    if (i->ifa_netmask == nullptr || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
    const uint8_t bits = MaskBits(FromSockaddr(i->ifa_netmask));
    // A host route says nothing about neighbours.
    if (bits < (address.v6 ? 128 : 32)) out.on_link.push_back(NetworkOf(address, bits));
  }
  return out;
}

}  // namespace cove::gateway
