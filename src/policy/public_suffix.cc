#include "policy/public_suffix.h"

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

}  // namespace

bool IsPublicSuffix(std::string_view suffix) {
  const std::string name(suffix);
  return psl_is_public_suffix(psl_builtin(), name.c_str()) != 0 ||
         std::find(kHosting.begin(), kHosting.end(), suffix) != kHosting.end();
}

}  // namespace cove::policy
