#include "gateway/http_request.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "policy/host_name.h"

namespace cove::gateway {
namespace {

using policy::Reason;

struct Authority {
  Reason reason = Reason::kAllowed;
  std::string host;
  std::optional<uint16_t> port;
};

Authority ReadAuthority(std::string_view text) {
  Authority out;
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    out.port = ParseInt<uint16_t>(text.substr(colon + 1));
    if (!out.port) out.reason = Reason::kBadName;
    text = text.substr(0, colon);
  }
  auto host = policy::CanonicalHost(text);
  if (!host) {
    out.reason = Reason::kBadName;
    return out;
  }
  out.host = std::move(*host);
  return out;
}

// Fields of one hop, those that only proxies may add (a sandbox cannot speak for one), and those by
// which a server may take another method or path than the one that was judged.
constexpr auto kDropped = std::to_array<std::string_view>({
    "connection",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
});

bool IsDropped(std::string_view name, const http::Headers& all) {
  for (const std::string_view dropped : kDropped) {
    if (EqualsIgnoreCase(name, dropped)) return true;
  }
  return all.HasToken("connection", name);
}

http::Headers Filter(const http::Headers& in, std::initializer_list<std::string_view> also) {
  http::Headers out;
  for (const auto& [name, value] : in) {
    const bool listed = std::any_of(also.begin(), also.end(), [&](std::string_view other) {
      return EqualsIgnoreCase(name, other);
    });
    if (!listed && !IsDropped(name, in)) out.Add(name, value);
  }
  return out;
}

}  // namespace

RequestTarget ReadRequestTarget(const http::RequestHead& request, std::string_view scheme) {
  RequestTarget out;
  if (request.method == "CONNECT") {
    out.reason = Reason::kMethodNotSupported;
    return out;
  }
  size_t hosts = 0;
  std::string_view host_field;
  for (const auto& [name, value] : request.headers) {
    if (!EqualsIgnoreCase(name, "host")) continue;
    ++hosts;
    host_field = value;
  }
  if (hosts != 1) {
    out.reason = hosts == 0 ? Reason::kNoName : Reason::kMalformed;
    return out;
  }
  Authority authority = ReadAuthority(Trim(host_field));
  out.reason = authority.reason;
  out.host = authority.host;
  out.port = authority.port;
  out.target = request.target;
  const std::string absolute = std::string(scheme) + "://";
  if (EqualsIgnoreCase(request.target.substr(0, absolute.size()), absolute)) {
    out.absolute = true;
    const std::string rest = request.target.substr(absolute.size());
    const size_t end = rest.find_first_of("/?");
    const Authority other = ReadAuthority(std::string_view(rest).substr(0, end));
    if (other.reason != Reason::kAllowed || other.host != out.host || other.port != out.port) {
      out.reason = Reason::kNameMismatch;
    }
    out.target = end == std::string::npos ? "/" : rest.substr(end);
    if (out.target.front() == '?') out.target.insert(0, "/");
  } else if (!out.target.starts_with('/') && out.target != "*") {
    out.reason = Reason::kMalformed;
  }
  return out;
}

bool AsksForWebSocket(const http::RequestHead& request) {
  return request.method == "GET" && request.headers.HasToken("connection", "upgrade") &&
         request.headers.HasToken("upgrade", "websocket");
}

http::Headers RequestHeadersToSend(const http::Headers& in) {
  return Filter(in, {"host", "content-length"});
}

http::Headers ResponseHeadersToSend(const http::Headers& in) { return Filter(in, {}); }

http::Headers TrailersToSend(const http::Headers& in) {
  return Filter(in, {"host", "content-length", "content-type", "content-encoding", "content-range",
                     "authorization", "cookie", "set-cookie", "cache-control"});
}

}  // namespace cove::gateway
