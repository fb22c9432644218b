#include "gateway/first_bytes.h"

namespace cove::gateway {
namespace {

constexpr char kTlsHandshake = 22;
constexpr size_t kMethodBytesMax = 24;
constexpr size_t kUndecidedBytesMax = 64;  // a method, its space, and a few empty lines

bool IsMethodChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

FirstBytes::Kind LooksLikeHttp(std::string_view bytes) {
  using Kind = FirstBytes::Kind;
  // Servers skip empty lines before a request (RFC 9112 section 2.2), whatever ends them; a client
  // that sends nothing else is answered as one that speaks HTTP badly.
  const size_t start = bytes.find_first_not_of("\r\n");
  if (start == std::string_view::npos || start > kUndecidedBytesMax / 2) {
    return bytes.size() > kUndecidedBytesMax / 2 ? Kind::kHttp : Kind::kNeedMore;
  }
  bytes.remove_prefix(start);
  size_t n = 0;
  while (n < bytes.size() && IsMethodChar(bytes[n])) ++n;
  if (n > kMethodBytesMax || (n < bytes.size() && (n == 0 || bytes[n] != ' '))) {
    return Kind::kOpaque;
  }
  if (n == bytes.size()) return Kind::kNeedMore;
  const std::string_view method = bytes.substr(0, n);
  const std::string_view target = bytes.substr(n + 1);
  if (method == "CONNECT") return Kind::kHttp;
  constexpr std::string_view kAbsolute = "http";
  if (target.starts_with('/') || target.starts_with('*') || target.starts_with(kAbsolute)) {
    return Kind::kHttp;
  }
  return kAbsolute.starts_with(target) ? Kind::kNeedMore : Kind::kOpaque;
}

}  // namespace

FirstBytes::Kind FirstBytes::Feed(std::string_view bytes) {
  bytes_.append(bytes);
  if (kind_ != Kind::kNeedMore || bytes_.empty()) return kind_;
  if (bytes_.front() == kTlsHandshake) {
    switch (parser_.Feed(bytes)) {
      case codec::ClientHelloParser::State::kNeedMore:
        break;
      case codec::ClientHelloParser::State::kDone:
        kind_ = Kind::kTls;
        break;
      case codec::ClientHelloParser::State::kBad:
        kind_ = Kind::kBadTls;
        break;
    }
  } else {
    kind_ = LooksLikeHttp(bytes_);
    if (kind_ == Kind::kNeedMore && bytes_.size() > kUndecidedBytesMax) kind_ = Kind::kOpaque;
  }
  return kind_;
}

}  // namespace cove::gateway
