#include "gateway/http_request.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "codec/http1.h"
#include "policy/address.h"
#include "policy/host_name.h"

namespace cove::gateway {
namespace {

using policy::Reason;

constexpr size_t kHopFieldsMax = 1024;
constexpr std::string_view kHttps = "https://";

struct Authority {
  Reason reason = Reason::kAllowed;
  std::string host;
  std::optional<uint16_t> port;
};

Authority ReadAuthority(std::string_view text) {
  Authority out;
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (has_port) {
    out.port = ParseInt<uint16_t>(text.substr(colon + 1));
    if (!out.port) out.reason = Reason::kBadName;
    text = text.substr(0, colon);
  }
  auto host = policy::CanonicalHost(text);
  if (!host) {
    out.reason = Reason::kBadName;
    const bool v6 = text.starts_with('[') && text.ends_with(']');
    const auto address = policy::Address::Parse(v6 ? text.substr(1, text.size() - 2) : text);
    if (address && address->v6 == v6) out.host = address->ToString();
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
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
});

// Many servers know a field by a variable's name, in which '-' and '_' are the same (RFC 3875
// section 4.1.18).
std::string Canonical(std::string_view name) {
  std::string out = ToLower(name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

using Names = std::set<std::string, std::less<>>;

// Read once: the list may be as long as a head.
Names FieldsOfThisHop(const http::Headers& in) {
  Names out;
  for (const auto& [name, value] : in) {
    if (!EqualsIgnoreCase(name, "connection")) continue;
    for (const std::string_view token : Split(value, ',')) {
      if (out.size() < kHopFieldsMax) out.insert(Canonical(Trim(token)));
    }
  }
  return out;
}

http::Headers Filter(const http::Headers& in, std::initializer_list<std::string_view> also) {
  static_assert(std::is_sorted(kDropped.begin(), kDropped.end()));
  const Names of_this_hop = FieldsOfThisHop(in);
  http::Headers out;
  for (const auto& [name, value] : in) {
    const std::string plain = Canonical(name);
    const bool dropped = std::binary_search(kDropped.begin(), kDropped.end(), plain) ||
                         std::find(also.begin(), also.end(), plain) != also.end() ||
                         of_this_hop.contains(plain);
    if (!dropped) out.Add(name, value);
  }
  return out;
}

void Malformed(RequestTarget& out, std::string_view why) {
  out.reason = Reason::kMalformed;
  out.detail = why;
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
  if (hosts == 0) {
    out.reason = Reason::kNoName;
    return out;
  }
  if (hosts != 1) {
    Malformed(out, "it has several Host fields");
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
  } else if (EqualsIgnoreCase(out.target.substr(0, kHttps.size()), kHttps)) {
    Malformed(out, "https:// goes through a proxy by CONNECT and the host's name and port");
  } else if (!out.target.starts_with('/') && out.target != "*") {
    Malformed(out, "its target is neither a path nor a URI of http");
  }
  // Nothing else could be sent on.
  if (!codec::IsHttpTarget(out.target)) {
    Malformed(out, "its path has a '#' or another character that is written with % and its number");
  }
  return out;
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
