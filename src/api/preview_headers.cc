#include <array>

#include "api/preview.h"
#include "api/preview_auth.h"
#include "base/text.h"

namespace cove::api {
namespace {

// What concerns one hop only (RFC 9110, 7.6.1); framing is the server's and the client's own.
constexpr std::array<std::string_view, 8> kHopByHop = {
    "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
    "TE",         "Trailer",    "Upgrade",          "Transfer-Encoding"};

bool IsHopByHop(const http::Headers& headers, std::string_view name) {
  for (const std::string_view hop : kHopByHop) {
    if (EqualsIgnoreCase(hop, name)) return true;
  }
  return headers.HasToken("Connection", name);
}

bool IsOurs(const Context& context, const http::RequestHead& request, std::string_view name) {
  if (EqualsIgnoreCase(name, "Authorization")) return Authenticate(context, request).ok();
  return EqualsIgnoreCase(name, kPreviewTokenHeader) || EqualsIgnoreCase(name, "Host") ||
         EqualsIgnoreCase(name, "X-Forwarded-Host") ||
         EqualsIgnoreCase(name, "X-Forwarded-Proto") || EqualsIgnoreCase(name, "X-Forwarded-For");
}

// "1.2.3.4:80" and "[::1]:80" without the port.
std::string WithoutPort(const std::string& peer) {
  const size_t colon = peer.rfind(':');
  if (colon == std::string::npos) return peer;
  std::string host = peer.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host.find(':') == std::string::npos ? host : peer;
}

void CopyUpgrade(const http::Headers& from, http::Headers& to) {
  const auto upgrade = from.Get("Upgrade");
  if (!upgrade || !from.HasToken("Connection", "upgrade")) return;
  to.Add("Connection", "Upgrade");
  to.Add("Upgrade", std::string(*upgrade));
}

}  // namespace

http::Headers InsideHeaders(const Context& context, const http::RequestHead& request, uint16_t port,
                            const std::string& peer) {
  http::Headers out;
  out.Add("Host", "localhost:" + std::to_string(port));
  for (const auto& [name, value] : request.headers) {
    if (IsHopByHop(request.headers, name) || EqualsIgnoreCase(name, "Content-Length") ||
        IsOurs(context, request, name)) {
      continue;
    }
    if (EqualsIgnoreCase(name, "Cookie")) {
      std::string cookies = StripPreviewCookies(value);
      if (!cookies.empty()) out.Add(name, std::move(cookies));
      continue;
    }
    out.Add(name, value);
  }
  CopyUpgrade(request.headers, out);
  const Origin origin = Origin::Of(request, context.settings.public_url);
  out.Add("X-Forwarded-Host", std::string(request.headers.Get("Host").value_or("")));
  out.Add("X-Forwarded-Proto", origin.scheme);
  out.Add("X-Forwarded-For", WithoutPort(peer));
  return out;
}

http::Headers OutsideHeaders(const http::Headers& inside, const std::string& set_cookie) {
  http::Headers out;
  for (const auto& [name, value] : inside) {
    if (!IsHopByHop(inside, name)) out.Add(name, value);
  }
  CopyUpgrade(inside, out);
  if (!set_cookie.empty()) out.Add("Set-Cookie", set_cookie);
  return out;
}

}  // namespace cove::api
