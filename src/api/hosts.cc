#include "api/hosts.h"

#include <algorithm>

#include "base/text.h"
#include "net/socket.h"

namespace cove::api {
namespace {

constexpr std::string_view kDefaultAuthority = "localhost:3986";

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
    } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
      return false;
    }
  }
  return true;
}

bool IsSignedToken(std::string_view text) {
  return text.size() == kSignedTokenSize && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
         });
}

bool IsPlainAuthority(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']';
  });
}

// The authority that preview labels go in front of: an address cannot have labels, so
// "localhost" takes its place, which browsers and curl resolve to loopback by themselves.
std::string PreviewAuthority(const std::string& authority) {
  std::string host = authority;
  std::string port;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string::npos) return std::string(kDefaultAuthority);
    host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else if (const size_t colon = authority.rfind(':'); colon != std::string::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (net::SocketAddress::FromIp(host, 0)) return "localhost" + port;
  // A request that came through a preview host gets URLs for the name behind the label.
  const size_t dot = host.find('.');
  if (dot != std::string::npos && ParsePreviewHost(ToLower(host))) host = host.substr(dot + 1);
  return host + port;
}

}  // namespace

std::optional<PreviewHost> ParsePreviewHost(std::string_view host) {
  const size_t dot = host.find('.');
  if (dot == std::string_view::npos || dot + 1 == host.size()) return std::nullopt;
  const std::string_view label = host.substr(0, dot);
  const size_t dash = label.find('-');
  if (dash == std::string_view::npos || label.starts_with('0')) return std::nullopt;
  const auto port = ParseInt<uint16_t>(label.substr(0, dash));
  if (!port || *port == 0) return std::nullopt;
  const std::string_view rest = label.substr(dash + 1);
  PreviewHost out;
  out.port = *port;
  if (IsUuid(rest)) {
    out.sandbox = SandboxId(std::string(rest));
  } else if (IsSignedToken(rest)) {
    out.signed_token = std::string(rest);
  } else {
    return std::nullopt;
  }
  return out;
}

Origin Origin::Of(const http::RequestHead& request, const std::string& public_url) {
  Origin out;
  if (!public_url.empty()) {
    const size_t scheme_end = public_url.find("://");
    if (scheme_end != std::string::npos) {
      out.scheme = public_url.substr(0, scheme_end);
      out.authority = public_url.substr(scheme_end + 3);
    } else {
      out.authority = public_url;
    }
    out.authority = out.authority.substr(0, out.authority.find('/'));
  } else {
    const auto host = request.headers.Get("Host");
    const bool plain = host && IsPlainAuthority(*host);
    out.authority = plain ? std::string(*host) : std::string(kDefaultAuthority);
    // Set by a TLS proxy in front; a client that lies gets only its own answer wrong.
    const auto proto = request.headers.Get("X-Forwarded-Proto");
    if (proto && EqualsIgnoreCase(*proto, "https")) out.scheme = "https";
  }
  out.preview_authority = PreviewAuthority(out.authority);
  return out;
}

std::string Origin::Preview(uint16_t port, std::string_view label) const {
  return scheme + "://" + std::to_string(port) + "-" + std::string(label) + "." + preview_authority;
}

}  // namespace cove::api
