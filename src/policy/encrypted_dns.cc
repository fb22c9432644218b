#include "policy/encrypted_dns.h"

#include <algorithm>
#include <array>
#include <vector>

namespace cove::policy {
namespace {

constexpr auto kDohHosts = std::to_array<std::string_view>({
    "8888.google",
    "chrome.cloudflare-dns.com",
    "cloudflare-dns.com",
    "dns.adguard-dns.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.google",
    "dns.google.com",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns.sb",
    "dns.switch.ch",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "dns9.quad9.net",
    "doh.cleanbrowsing.org",
    "doh.dns.apple.com",
    "doh.dns.sb",
    "doh.libredns.gr",
    "doh.opendns.com",
    "doh.pub",
    "doh.xfinity.com",
    "family.cloudflare-dns.com",
    "firefox.dns.nextdns.io",
    "freedns.controld.com",
    "mozilla.cloudflare-dns.com",
    "odoh.cloudflare-dns.com",
    "one.one.one.one",
    "ordns.he.net",
    "security.cloudflare-dns.com",
});

constexpr auto kResolvers = std::to_array<std::string_view>({
    "1.0.0.1",
    "1.0.0.2",
    "1.0.0.3",
    "1.1.1.1",
    "1.1.1.2",
    "1.1.1.3",
    "1.12.12.12",
    "8.8.4.4",
    "8.8.8.8",
    "9.9.9.9",
    "9.9.9.10",
    "9.9.9.11",
    "9.9.9.12",
    "45.11.45.11",
    "45.90.28.0",
    "45.90.30.0",
    "74.82.42.42",
    "76.76.2.0",
    "76.76.10.0",
    "94.140.14.14",
    "94.140.14.15",
    "94.140.14.140",
    "94.140.14.141",
    "94.140.15.15",
    "94.140.15.16",
    "120.53.53.53",
    "149.112.112.9",
    "149.112.112.10",
    "149.112.112.11",
    "149.112.112.112",
    "185.222.222.222",
    "185.228.168.9",
    "185.228.168.10",
    "185.228.168.168",
    "185.228.169.9",
    "185.228.169.11",
    "185.228.169.168",
    "194.242.2.2",
    "194.242.2.3",
    "194.242.2.4",
    "208.67.220.123",
    "208.67.220.220",
    "208.67.222.123",
    "208.67.222.222",
    "223.5.5.5",
    "223.6.6.6",
    "2001:4860:4860::64",
    "2001:4860:4860::6464",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "2400:3200::1",
    "2400:3200:baba::1",
    "2606:4700:4700::64",
    "2606:4700:4700::1001",
    "2606:4700:4700::1002",
    "2606:4700:4700::1003",
    "2606:4700:4700::1111",
    "2606:4700:4700::1112",
    "2606:4700:4700::1113",
    "2606:4700:4700::6400",
    "2620:119:35::35",
    "2620:119:53::53",
    "2620:fe::9",
    "2620:fe::10",
    "2620:fe::11",
    "2620:fe::fe",
    "2620:fe::fe:10",
    "2620:fe::fe:11",
    "2a07:e340::2",
    "2a0d:2a00:1::",
    "2a0d:2a00:2::",
    "2a10:50c0::ad1:ff",
    "2a10:50c0::ad2:ff",
});

std::vector<Address> Parsed() {
  std::vector<Address> out;
  for (const std::string_view text : kResolvers) out.push_back(*Address::Parse(text));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

bool IsDnsOverHttpsHost(std::string_view host) {
  return std::find(kDohHosts.begin(), kDohHosts.end(), host) != kDohHosts.end();
}

bool IsResolver(const Address& address) {
  static const std::vector<Address> all = Parsed();
  return std::binary_search(all.begin(), all.end(), address);
}

}  // namespace cove::policy
