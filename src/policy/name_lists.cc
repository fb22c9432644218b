#include "policy/name_lists.h"

#include <libpsl.h>

#include <algorithm>
#include <array>
#include <string>

namespace cove::policy {
namespace {

// Hosting where the next label belongs to whoever asks first, and which the Public Suffix List does
// not (or did not always) name.
constexpr auto kHosting = std::to_array<std::string_view>({
    "amazonaws.com",
    "appspot.com",
    "azureedge.net",
    "azurewebsites.net",
    "b-cdn.net",
    "bitbucket.io",
    "blob.core.windows.net",
    "blogspot.com",
    "cloudapp.net",
    "cloudflare.net",
    "cloudfront.net",
    "core.windows.net",
    "deno.dev",
    "duckdns.org",
    "edgekey.net",
    "fastly.net",
    "firebaseapp.com",
    "fly.dev",
    "gist.io",
    "github.io",
    "gitlab.io",
    "glitch.me",
    "googleapis.com",
    "herokuapp.com",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.io",
    "nip.io",
    "onrender.com",
    "pages.dev",
    "r2.dev",
    "railway.app",
    "render.com",
    "repl.co",
    "replit.app",
    "replit.dev",
    "run.app",
    "s3.amazonaws.com",
    "sslip.io",
    "storage.googleapis.com",
    "surge.sh",
    "trafficmanager.net",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "windows.net",
    "workers.dev",
});

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

bool Holds(auto& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

bool IsPublicSuffix(std::string_view suffix) {
  const std::string name(suffix);
  return psl_is_public_suffix(psl_builtin(), name.c_str()) != 0 || Holds(kHosting, suffix);
}

bool IsDnsOverHttpsHost(std::string_view host) { return Holds(kDohHosts, host); }

}  // namespace cove::policy
