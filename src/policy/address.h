// IP addresses as values, and what kind of place each is.
//
// Concept: a name that a rule allows may still resolve to anything; only an address whose class
// is kPublic may be dialled for it. Every range that is not plainly global unicast has its own
// class, so the audit tells why. Ranges made for documentation (192.0.2.0/24, 198.51.100.0/24,
// 203.0.113.0/24, 2001:db8::/32) count as public unless the machine is on such a network: they
// lead nowhere by themselves, and labs use them as their internet.
// Sources: IANA special-purpose registries (RFC 6890, RFC 8190), RFC 6052, 8215, 3056, 4380.
// Thread: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cove::policy {

// Bytes in network order; IPv4 uses the first four. An IPv4-mapped IPv6 address stays IPv6.
struct Address {
  bool v6 = false;
  std::array<uint8_t, 16> bytes{};

  static Address V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
  // Dotted quad or RFC 4291 text, nothing else (no zone, no brackets).
  static std::optional<Address> Parse(std::string_view text);
  std::string ToString() const;
  auto operator<=>(const Address&) const = default;
};

struct Prefix {
  Address base;
  uint8_t bits = 0;
  // "10.0.0.0/8"; the bits after the prefix must be zero.
  static std::optional<Prefix> Parse(std::string_view text);
  bool Contains(const Address& address) const;
  std::string ToString() const;
};

enum class AddressClass : uint8_t {
  kPublic,
  kUnspecified,
  kLoopback,
  kPrivate,
  kLinkLocal,
  kMetadata,  // cloud metadata and host-agent addresses
  kCgnat,
  kMapped,  // IPv4 in IPv6 notation (mapped, compatible)
  kNat64,
  kSixToFour,
  kTeredo,
  kMulticast,
  kReserved,
  kOwn,     // an address of this machine
  kOnLink,  // a neighbour on a network this machine is attached to
};
std::string_view AddressClassName(AddressClass c);

// What this machine is attached to; whoever has sockets fills it in.
struct LocalNetworks {
  std::vector<Address> own;
  std::vector<Prefix> on_link;
};

AddressClass Classify(const Address& address, const LocalNetworks& local);

}  // namespace cove::policy
