#include "gateway/first_bytes.h"

#include <algorithm>

#include "base/text.h"
#include "codec/http1.h"

namespace cove::gateway {
namespace {

using Kind = FirstBytes::Kind;

constexpr char kTlsHandshake = 22;
constexpr size_t kMethodBytesMax = 24;
constexpr size_t kSchemeBytesMax = 16;
constexpr size_t kBlankBytesMax = 32;
constexpr size_t kLineBytesMax = 16 * 1024;
constexpr std::string_view kBlanks = " \t";

bool IsPlainMethodChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool IsSchemeChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '-' || c == '.';
}

// Where a target may begin: a path, "*", or a URI with its scheme.
bool MayBeTarget(std::string_view text) {
  if (text.empty() || text.front() == '/' || text.front() == '*') return true;
  size_t n = 0;
  while (n < text.size() && IsSchemeChar(text[n])) ++n;
  return n > 0 && n <= kSchemeBytesMax && std::string_view("://").starts_with(text.substr(n, 3));
}

bool EndsInVersion(std::string_view line) {
  line = Trim(line);
  const size_t blank = line.find_last_of(kBlanks);
  constexpr std::string_view kVersion = "http/";
  return blank != std::string_view::npos &&
         EqualsIgnoreCase(line.substr(blank + 1, kVersion.size()), kVersion);
}

// What only its end tells: servers differ in which methods and blanks they take for a request.
Kind ByWholeLine(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\0') return Kind::kOpaque;
    if ((c == '\n' || c == '\r') && EndsInVersion(bytes.substr(0, i))) return Kind::kHttp;
    if (c == '\n') return Kind::kOpaque;
  }
  return bytes.size() > kLineBytesMax ? Kind::kHttp : Kind::kNeedMore;
}

Kind LooksLikeHttp(std::string_view bytes) {
  // Servers skip empty lines before a request (RFC 9112 section 2.2), whatever ends them; a client
  // that sends nothing else is answered as one that speaks HTTP badly.
  const size_t start = bytes.find_first_not_of("\r\n");
  if (start == std::string_view::npos || start > kBlankBytesMax) {
    return bytes.size() > kBlankBytesMax ? Kind::kHttp : Kind::kNeedMore;
  }
  bytes.remove_prefix(start);
  const std::string_view method = bytes.substr(0, bytes.find_first_of(kBlanks));
  const bool token = method.size() <= kMethodBytesMax && codec::IsHttpToken(method);
  if (!token) return Kind::kOpaque;
  if (method.size() == bytes.size()) return Kind::kNeedMore;
  const std::string_view rest = bytes.substr(method.size());
  const std::string_view target =
      rest.substr(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  const bool plain = std::all_of(method.begin(), method.end(), IsPlainMethodChar);
  if (plain && method == "CONNECT") return Kind::kHttp;
  if (!MayBeTarget(target)) return Kind::kOpaque;
  const bool clear =
      target.starts_with('/') || target.starts_with('*') || target.starts_with("http");
  return plain && clear ? Kind::kHttp : ByWholeLine(bytes);
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
  }
  return kind_;
}

FirstBytes::Kind FirstBytes::End() {
  const bool tls = !bytes_.empty() && bytes_.front() == kTlsHandshake;
  if (kind_ == Kind::kNeedMore && !bytes_.empty() && !tls) kind_ = Kind::kOpaque;
  return kind_;
}

}  // namespace cove::gateway
