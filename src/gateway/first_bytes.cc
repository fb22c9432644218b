#include "gateway/first_bytes.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "codec/http1.h"

namespace cove::gateway {
namespace {

using namespace std::string_view_literals;
using Kind = FirstBytes::Kind;

constexpr char kTlsHandshake = 22;
constexpr size_t kMethodBytesMax = 24;
constexpr size_t kSchemeBytesMax = 16;
constexpr std::array kUsualMethods = {"GET",   "HEAD",   "POST",    "PUT",
                                      "PATCH", "DELETE", "OPTIONS", "TRACE"};
constexpr size_t kBlankBytesMax = 32;
constexpr size_t kLineBytesMax = 16 * 1024;
// What some server takes for one: Python's str.split() does all of these.
constexpr std::string_view kSpace = "\r\n \t\v\f\x1c\x1d\x1e\x1f\x85\xa0";
constexpr std::string_view kBlanks = kSpace.substr(2);
constexpr std::string_view kProxyV2 = "\0\r\nQUIT\n"sv;

bool IsPlainMethodChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool IsSchemeChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '-' || c == '.';
}

// Where a target should begin: a path, "*", or a URI with its scheme.
bool MayBeTarget(std::string_view text) {
  if (text.empty() || text.front() == '/' || text.front() == '*') return true;
  size_t n = 0;
  while (n < text.size() && IsSchemeChar(text[n])) ++n;
  return n > 0 && n <= kSchemeBytesMax && std::string_view("://").starts_with(text.substr(n, 3));
}

// kPlain and kUsual: a word after which a server may take anything for a target. kOdd begins other
// protocols, too.
enum class Method { kPlain, kUsual, kOdd };
Method MethodOf(std::string_view word) {
  if (std::all_of(word.begin(), word.end(), IsPlainMethodChar)) return Method::kPlain;
  const bool usual =
      std::any_of(kUsualMethods.begin(), kUsualMethods.end(),
                  [word](const char* method) { return EqualsIgnoreCase(word, method); });
  return usual ? Method::kUsual : Method::kOdd;
}

std::string_view WithoutBlanksAtEnd(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// METHOD TARGET VERSION, whatever stands in TARGET.
bool EndsInVersion(std::string_view line) {
  line = WithoutBlanksAtEnd(line);
  const size_t blank = line.find_last_of(kBlanks);
  constexpr std::string_view kVersion = "http/";
  return blank != std::string_view::npos &&
         EqualsIgnoreCase(line.substr(blank + 1, kVersion.size()), kVersion) &&
         WithoutBlanksAtEnd(line.substr(0, blank)).find_first_of(kBlanks) != line.npos;
}

// What only its end tells: servers differ in which methods and blanks they take for a request.
Kind ByWholeLine(std::string_view bytes, Method method) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    // Of other protocols; after a method as they all are a server may read on.
    if (c == '\0' && method != Method::kPlain) return Kind::kOpaque;
    if ((c == '\n' || c == '\r') && EndsInVersion(bytes.substr(0, i))) return Kind::kHttp;
    if (c == '\n') return Kind::kOpaque;
  }
  return bytes.size() > kLineBytesMax ? Kind::kHttp : Kind::kNeedMore;
}

Kind LooksLikeHttp(std::string_view bytes) {
  // Servers skip empty lines before a request (RFC 9112 section 2.2), whatever ends them, and some
  // skip blanks; a client that sends nothing else is answered as one that speaks HTTP badly. So is
  // one that says on whose behalf it comes (the PROXY protocol) before it speaks.
  const size_t start = bytes.find_first_not_of(kSpace);
  if (start == std::string_view::npos || start > kBlankBytesMax) {
    return bytes.size() > kBlankBytesMax ? Kind::kHttp : Kind::kNeedMore;
  }
  bytes.remove_prefix(start);
  if (start > 0 && bytes.starts_with(kProxyV2)) return Kind::kHttp;
  if (start > 0 && kProxyV2.starts_with(bytes)) return Kind::kNeedMore;
  const std::string_view word = bytes.substr(0, bytes.find_first_of(kBlanks));
  const bool token = word.size() <= kMethodBytesMax && codec::IsHttpToken(word);
  if (!token) return Kind::kOpaque;
  if (word.size() == bytes.size()) return Kind::kNeedMore;
  const std::string_view rest = bytes.substr(word.size());
  const std::string_view target =
      rest.substr(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  // GET needs no version (HTTP/0.9), and some server reads a Host after it all the same.
  if (word == "CONNECT" || word == "PROXY" || word == "GET") return Kind::kHttp;
  const Method method = MethodOf(word);
  if (method == Method::kOdd && !MayBeTarget(target)) return Kind::kOpaque;
  const bool clear =
      target.starts_with('/') || target.starts_with('*') || target.starts_with("http");
  if (method == Method::kPlain && clear) return Kind::kHttp;
  return ByWholeLine(bytes, method);
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
