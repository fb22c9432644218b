#include "policy/address.h"

#include <arpa/inet.h>

#include <cstring>

#include "base/text.h"

namespace cove::policy {
namespace {

struct Range {
  std::string_view prefix;
  AddressClass kind;
};

// The first match wins, so single addresses stand before the ranges around them.
constexpr Range kRanges[] = {
    {"169.254.169.254/32", AddressClass::kMetadata},
    {"169.254.170.2/32", AddressClass::kMetadata},
    {"169.254.170.23/32", AddressClass::kMetadata},
    {"100.100.100.200/32", AddressClass::kMetadata},
    {"168.63.129.16/32", AddressClass::kMetadata},
    {"192.0.0.192/32", AddressClass::kMetadata},
    {"0.0.0.0/32", AddressClass::kUnspecified},
    {"0.0.0.0/8", AddressClass::kReserved},
    {"10.0.0.0/8", AddressClass::kPrivate},
    {"100.64.0.0/10", AddressClass::kCgnat},
    {"127.0.0.0/8", AddressClass::kLoopback},
    {"169.254.0.0/16", AddressClass::kLinkLocal},
    {"172.16.0.0/12", AddressClass::kPrivate},
    {"192.0.0.0/24", AddressClass::kReserved},
    {"192.88.99.0/24", AddressClass::kSixToFour},
    {"192.168.0.0/16", AddressClass::kPrivate},
    {"198.18.0.0/15", AddressClass::kReserved},
    {"224.0.0.0/4", AddressClass::kMulticast},
    {"240.0.0.0/4", AddressClass::kReserved},

    {"fd00:ec2::254/128", AddressClass::kMetadata},
    {"fd00:ec2::23/128", AddressClass::kMetadata},
    {"fd20:ce::254/128", AddressClass::kMetadata},
    {"fd00:c1::a9fe:a9fe/128", AddressClass::kMetadata},
    {"::/128", AddressClass::kUnspecified},
    {"::1/128", AddressClass::kLoopback},
    {"::ffff:0:0/96", AddressClass::kMapped},
    {"::ffff:0:0:0/96", AddressClass::kMapped},
    {"::/96", AddressClass::kMapped},
    {"64:ff9b::/96", AddressClass::kNat64},
    {"64:ff9b:1::/48", AddressClass::kNat64},
    {"2001::/32", AddressClass::kTeredo},
    {"2001:db8::/32", AddressClass::kPublic},
    {"2001::/23", AddressClass::kReserved},
    {"2002::/16", AddressClass::kSixToFour},
    {"fc00::/7", AddressClass::kPrivate},
    {"fe80::/10", AddressClass::kLinkLocal},
    {"fec0::/10", AddressClass::kPrivate},
    {"ff00::/8", AddressClass::kMulticast},
    {"2000::/3", AddressClass::kPublic},
    {"::/0", AddressClass::kReserved},
};

struct ParsedRange {
  Prefix prefix;
  AddressClass kind;
};

const std::vector<ParsedRange>& Ranges() {
  static const std::vector<ParsedRange> ranges = [] {
    std::vector<ParsedRange> out;
    for (const Range& r : kRanges) out.push_back({*Prefix::Parse(r.prefix), r.kind});
    return out;
  }();
  return ranges;
}

}  // namespace

Address Address::V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  Address out;
  out.bytes = {a, b, c, d};
  return out;
}

std::optional<Address> Address::Parse(std::string_view text) {
  const std::string zero_ended(text);
  if (zero_ended.find('\0') != std::string::npos) return std::nullopt;
  Address out;
  if (inet_pton(AF_INET, zero_ended.c_str(), out.bytes.data()) == 1) return out;
  out.v6 = true;
  if (inet_pton(AF_INET6, zero_ended.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

std::string Address::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

bool Prefix::Contains(const Address& address) const {
  if (address.v6 != base.v6) return false;
  const size_t whole = bits / 8;
  if (std::memcmp(address.bytes.data(), base.bytes.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return ((address.bytes[whole] ^ base.bytes[whole]) & mask) == 0;
}

std::optional<Prefix> Prefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto base = Address::Parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  if (digits.size() > 1 && digits.starts_with('0')) return std::nullopt;
  const auto bits = ParseInt<uint8_t>(digits);
  if (!base || !bits || *bits > (base->v6 ? 128 : 32)) return std::nullopt;
  for (size_t i = *bits; i < (base->v6 ? 128u : 32u); ++i) {
    if ((base->bytes[i / 8] >> (7 - i % 8) & 1) != 0) return std::nullopt;
  }
  return Prefix{*base, *bits};
}

std::string Prefix::ToString() const { return base.ToString() + "/" + std::to_string(bits); }

std::string_view AddressClassName(AddressClass c) {
  switch (c) {
    case AddressClass::kPublic:
      return "public";
    case AddressClass::kUnspecified:
      return "unspecified";
    case AddressClass::kLoopback:
      return "loopback";
    case AddressClass::kPrivate:
      return "private";
    case AddressClass::kLinkLocal:
      return "link_local";
    case AddressClass::kMetadata:
      return "metadata";
    case AddressClass::kCgnat:
      return "cgnat";
    case AddressClass::kMapped:
      return "v4_in_v6";
    case AddressClass::kNat64:
      return "nat64";
    case AddressClass::kSixToFour:
      return "6to4";
    case AddressClass::kTeredo:
      return "teredo";
    case AddressClass::kMulticast:
      return "multicast";
    case AddressClass::kReserved:
      return "reserved";
    case AddressClass::kOwn:
      return "own_address";
    case AddressClass::kOnLink:
      return "on_link";
  }
  return "reserved";
}

AddressClass Classify(const Address& address, const LocalNetworks& local) {
  AddressClass kind = AddressClass::kPublic;
  for (const ParsedRange& r : Ranges()) {
    if (r.prefix.Contains(address)) {
      kind = r.kind;
      break;
    }
  }
  if (kind == AddressClass::kLoopback) return kind;
  for (const Address& own : local.own) {
    if (own == address) return AddressClass::kOwn;
  }
  if (kind != AddressClass::kPublic) return kind;
  for (const Prefix& p : local.on_link) {
    if (p.Contains(address)) return AddressClass::kOnLink;
  }
  return kind;
}

}  // namespace cove::policy
