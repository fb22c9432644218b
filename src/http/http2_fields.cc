#include "http/http2_fields.h"

#include <array>

#include "base/text.h"

namespace cove::http::internal {
namespace {

constexpr auto kOfOneConnection = std::to_array<std::string_view>(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"});

bool IsOfOneConnection(std::string_view name) {
  for (const std::string_view other : kOfOneConnection) {
    if (EqualsIgnoreCase(name, other)) return true;
  }
  return false;
}

uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void Http2Pairs::Add(std::string_view name, std::string_view value) {
  const std::string& n = texts_.emplace_back(ToLower(name));
  const std::string& v = texts_.emplace_back(value);
  // What is worth stealing is not put into the compressor's table (RFC 7541 section 7.1.3).
  const bool secret = n == "authorization" || n == "cookie" || n == "set-cookie";
  pairs_.push_back(
      {Bytes(n), Bytes(v), n.size(), v.size(),
       static_cast<uint8_t>(secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)});
}

void Http2Pairs::AddAll(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!IsOfOneConnection(name)) Add(name, value);
  }
}

Result<void> Sound(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    const std::string lower = ToLower(name);
    if (lower.starts_with(':') || nghttp2_check_header_name(Bytes(lower), lower.size()) == 0 ||
        nghttp2_check_header_value_rfc9113(Bytes(value), value.size()) == 0) {
      return Error(Code::kInvalid, "a field cannot be sent: " + lower);
    }
  }
  return Ok();
}

void AddToHead(Http2Head& head, std::string_view name, std::string_view value) {
  std::string* const pseudo = name == ":method"      ? &head.method
                              : name == ":scheme"    ? &head.scheme
                              : name == ":authority" ? &head.authority
                              : name == ":path"      ? &head.path
                              : name == ":status"    ? &head.status
                                                     : nullptr;
  if (pseudo != nullptr) {
    *pseudo = value;
    return;
  }
  if (name == "cookie") {
    // RFC 9113 section 8.2.3.
    if (head.fields.AppendTo(name, "; ", value)) return;
  }
  head.fields.Add(std::string(name), std::string(value));
}

RequestHead ToRequest(Http2Head head, std::string_view scheme) {
  RequestHead out;
  out.method = std::move(head.method);
  out.target = std::move(head.path);
  if (out.method == "CONNECT") {
    out.target = head.authority;
  } else if (head.scheme != scheme) {
    out.target = head.scheme + "://" + head.authority + out.target;
  }
  if (!head.authority.empty()) {
    const auto host = head.fields.Get("host");
    if (host && EqualsIgnoreCase(*host, head.authority)) head.fields.Remove("host");
    out.headers.Add("host", head.authority);
  }
  for (const auto& [name, value] : head.fields) out.headers.Add(name, value);
  return out;
}

Result<void> RequestPairs(const ClientRequest& request, Http2Pairs& out) {
  RETURN_IF_ERROR(Sound(request.headers));
  const std::string host(request.headers.Get("host").value_or(request.url.HostHeader()));
  const std::string& target = request.url.target;
  if (nghttp2_check_method(Bytes(request.method), request.method.size()) == 0 ||
      nghttp2_check_authority(Bytes(host), host.size()) == 0 ||
      nghttp2_check_path(Bytes(target), target.size()) == 0) {
    return Error(Code::kInvalid, "the request's method, host or path cannot be sent");
  }
  out.Add(":method", request.method);
  out.Add(":scheme", request.url.scheme);
  out.Add(":authority", host);
  out.Add(":path", target);
  out.AddAll(request.headers);
  if (request.accepts_trailers) out.Add("te", "trailers");
  const bool body = request.stream != nullptr;
  const std::optional<uint64_t> length = body ? request.stream->length() : request.body.size();
  if (!request.headers.Has("content-length") && length && (body || *length != 0)) {
    out.Add("content-length", std::to_string(*length));
  }
  return Ok();
}

}  // namespace cove::http::internal
