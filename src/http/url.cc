#include "base/text.h"
#include "codec/http1.h"
#include "http/client.h"

namespace cove::http {
namespace {

Error Bad(std::string_view text, std::string_view why) {
  // Only the part before a query is repeated: what follows may hold secrets.
  return {Code::kInvalid, "URL \"" + std::string(text.substr(0, text.find_first_of("?@"))) +
                              "\": " + std::string(why)};
}

bool IsHostText(std::string_view host) {
  for (const char c : host) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_' || c == ':';
    if (!fine) return false;
  }
  return !host.empty();
}

Result<Url> ParseUnix(std::string_view text) {
  Url url;
  url.scheme = "unix";
  const std::string_view rest = text.substr(text.find(':') + 1);
  const size_t colon = rest.find(':');
  url.host = rest.substr(0, colon);
  url.target = colon == rest.npos ? "/" : std::string(rest.substr(colon + 1));
  if (url.host.empty()) return Bad(text, "the socket's path is missing");
  if (!url.target.starts_with('/')) return Bad(text, "after the socket's path comes :/path");
  return url;
}

}  // namespace

Result<Url> Url::Parse(std::string_view text) {
  if (text.starts_with("unix:")) return ParseUnix(text);
  Url url;
  const size_t scheme_end = text.find("://");
  if (scheme_end == text.npos) return Bad(text, "a scheme and :// are missing");
  url.scheme = ToLower(text.substr(0, scheme_end));
  if (url.scheme != "http" && url.scheme != "https") return Bad(text, "use http or https");
  url.port = url.scheme == "https" ? 443 : 80;
  std::string_view rest = text.substr(scheme_end + 3);
  const size_t path = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, path);
  rest = path == rest.npos ? std::string_view() : rest.substr(path);
  if (authority.find('@') != authority.npos) return Bad(text, "a user in a URL is not supported");
  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == authority.npos) return Bad(text, "] is missing");
    url.host = ToLower(authority.substr(1, end - 1));
    if (url.host.find(':') == std::string::npos) return Bad(text, "[] is for IPv6 addresses");
    port = authority.substr(end + 1);
  } else {
    const size_t colon = authority.find(':');
    url.host = ToLower(authority.substr(0, colon));
    if (url.host.find(':') != std::string::npos) return Bad(text, "write IPv6 addresses in []");
    port = colon == authority.npos ? std::string_view() : authority.substr(colon);
  }
  if (!IsHostText(url.host)) return Bad(text, "the host is missing or malformed");
  if (!port.empty()) {
    const auto number = port.front() == ':' ? ParseInt<uint16_t>(port.substr(1)) : std::nullopt;
    if (!number || *number == 0) return Bad(text, "the port is not a number from 1 to 65535");
    url.port = *number;
  }
  rest = rest.substr(0, rest.find('#'));
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  if (!codec::Http1HeadWriter::Request("GET", url.target).Finish()) {
    return Bad(text, "the path holds characters that must be percent-encoded");
  }
  return url;
}

std::string Url::HostHeader() const {
  if (scheme == "unix") return "localhost";
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const bool usual = port == (scheme == "https" ? 443 : 80);
  return usual ? name : name + ":" + std::to_string(port);
}

}  // namespace cove::http
