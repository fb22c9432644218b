// Goal: every address that is not plainly global unicast has a class that is not public.
// Method: one or more members of each range, its edges, and the machine's own networks.
#include "policy/address.h"

#include <gtest/gtest.h>

namespace cove::policy {
namespace {

AddressClass Of(std::string_view text, const LocalNetworks& local = {}) {
  const auto address = Address::Parse(text);
  EXPECT_TRUE(address) << text;
  return address ? Classify(*address, local) : AddressClass::kReserved;
}

TEST(AddressTest, ParsesOnlyPlainNotation) {
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "2130706433", "[::1]",
                          "fe80::1%lo", "1.2.3.4 ", "1.2.3.256", "::1::"}) {
    EXPECT_FALSE(Address::Parse(bad)) << bad;
  }
  EXPECT_EQ(Address::Parse("2001:DB8::1")->ToString(), "2001:db8::1");
}

TEST(AddressTest, NamesEveryRangeThatMayNotBeDialled) {
  const std::pair<const char*, AddressClass> cases[] = {
      {"0.0.0.0", AddressClass::kUnspecified},
      {"0.1.2.3", AddressClass::kReserved},
      {"10.0.0.1", AddressClass::kPrivate},
      {"172.16.0.1", AddressClass::kPrivate},
      {"172.31.255.255", AddressClass::kPrivate},
      {"192.168.1.1", AddressClass::kPrivate},
      {"100.64.0.1", AddressClass::kCgnat},
      {"100.127.255.255", AddressClass::kCgnat},
      {"100.100.100.200", AddressClass::kMetadata},
      {"127.0.0.1", AddressClass::kLoopback},
      {"127.255.0.1", AddressClass::kLoopback},
      {"169.254.169.254", AddressClass::kMetadata},
      {"169.254.1.1", AddressClass::kLinkLocal},
      {"168.63.129.16", AddressClass::kMetadata},
      {"192.0.0.8", AddressClass::kReserved},
      {"192.88.99.1", AddressClass::kSixToFour},
      {"198.18.0.1", AddressClass::kReserved},
      {"198.19.255.255", AddressClass::kReserved},
      {"224.0.0.251", AddressClass::kMulticast},
      {"240.0.0.1", AddressClass::kReserved},
      {"255.255.255.255", AddressClass::kReserved},
      {"::", AddressClass::kUnspecified},
      {"::1", AddressClass::kLoopback},
      {"::ffff:127.0.0.1", AddressClass::kMapped},
      {"::ffff:203.0.113.10", AddressClass::kMapped},
      {"::203.0.113.10", AddressClass::kMapped},
      {"64:ff9b::cb00:710a", AddressClass::kNat64},
      {"64:ff9b:1::1", AddressClass::kNat64},
      {"2002:cb00:710a::", AddressClass::kSixToFour},
      {"2001::1", AddressClass::kTeredo},
      {"2001:20::1", AddressClass::kReserved},
      {"fc00::1", AddressClass::kPrivate},
      {"fd00:ec2::254", AddressClass::kMetadata},
      {"fe80::1", AddressClass::kLinkLocal},
      {"fec0::1", AddressClass::kPrivate},
      {"ff02::1", AddressClass::kMulticast},
      {"100::1", AddressClass::kReserved},
      {"4000::1", AddressClass::kReserved},
  };
  for (const auto& [text, kind] : cases) {
    EXPECT_EQ(AddressClassName(Of(text)), AddressClassName(kind)) << text;
  }
}

TEST(AddressTest, GlobalUnicastAndDocumentationRangesArePublic) {
  for (const char* text : {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                           "172.15.0.1", "172.32.0.1", "192.0.2.9", "198.51.100.1", "203.0.113.10",
                           "2606:4700::1", "2001:db8::10", "2001:4860::8888"}) {
    EXPECT_EQ(Of(text), AddressClass::kPublic) << text;
  }
}

TEST(AddressTest, TheMachineAndItsNeighboursAreNotPublic) {
  LocalNetworks local;
  local.own = {*Address::Parse("198.51.100.7"), *Address::Parse("10.9.9.9")};
  local.on_link = {*Prefix::Parse("198.51.100.0/25"), *Prefix::Parse("2001:db8:5::/48")};
  EXPECT_EQ(Of("198.51.100.7", local), AddressClass::kOwn);
  EXPECT_EQ(Of("10.9.9.9", local), AddressClass::kOwn);
  local.own.push_back(*Address::Parse("100.64.0.9"));
  EXPECT_EQ(Of("100.64.0.9", local), AddressClass::kOwn);
  EXPECT_EQ(Of("100.64.0.8", local), AddressClass::kCgnat);
  EXPECT_EQ(Of("198.51.100.8", local), AddressClass::kOnLink);
  EXPECT_EQ(Of("198.51.100.200", local), AddressClass::kPublic);
  EXPECT_EQ(Of("2001:db8:5::1", local), AddressClass::kOnLink);
  EXPECT_EQ(Of("2001:db8:6::1", local), AddressClass::kPublic);
}

TEST(PrefixTest, ContainsExactlyItsAddresses) {
  const auto prefix = *Prefix::Parse("203.0.112.0/23");
  EXPECT_TRUE(prefix.Contains(Address::V4(203, 0, 113, 255)));
  EXPECT_FALSE(prefix.Contains(Address::V4(203, 0, 114, 0)));
  EXPECT_FALSE(prefix.Contains(*Address::Parse("::ffff:203.0.113.1")));
  EXPECT_TRUE(Prefix::Parse("0.0.0.0/0")->Contains(Address::V4(8, 8, 8, 8)));
}

}  // namespace
}  // namespace cove::policy
