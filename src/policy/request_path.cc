#include "policy/request_path.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"

namespace cove::policy {
namespace {

Error Bad(std::string_view why) {
  return {Code::kInvalid, "the path cannot be judged: " + std::string(why)};
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7f; }

int EscapeAt(std::string_view text, size_t i) {
  const int high = i + 2 < text.size() && text[i] == '%' ? HexValue(text[i + 1]) : -1;
  const int low = high < 0 ? -1 : HexValue(text[i + 2]);
  return low < 0 ? -1 : high * 16 + low;
}

// Begins a character of UTF-8 that is longer than it has to be (RFC 3629 section 3).
bool IsOverlong(std::string_view text, size_t i) {
  const int first = EscapeAt(text, i);
  if (first == 0xc0 || first == 0xc1) return true;
  const int second = EscapeAt(text, i + 3);
  return (first == 0xe0 && second >= 0x80 && second < 0xa0) ||
         (first == 0xf0 && second >= 0x80 && second < 0x90);
}

// One escape at text[i], appended in its canonical form.
Result<void> TakeEscape(std::string_view text, size_t i, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const int byte = EscapeAt(text, i);
  if (byte < 0) return Bad("a '%' without two hexadecimal digits");
  const char c = static_cast<char>(byte);
  if (IsControl(static_cast<unsigned char>(c))) return Bad("an escaped control character");
  if (c == '\\') return Bad("a backslash");
  if (IsOverlong(text, i)) return Bad("an escape that is no UTF-8: some servers read '.' or '/'");
  if (IsUnreserved(c)) {
    out += c;
  } else {
    out += '%';
    out += kDigits[static_cast<size_t>(byte >> 4)];
    out += kDigits[static_cast<size_t>(byte & 15)];
  }
  return Ok();
}

// "..;x" is ".." to servers that know path parameters.
bool IsDots(std::string_view segment) {
  segment = segment.substr(0, segment.find(';'));
  return segment == "." || segment == "..";
}

// In the canonical form, so that "%25%34%31" counts as well.
bool HasEscapedEscape(std::string_view segment) {
  for (size_t at = segment.find("%25"); at != std::string_view::npos;
       at = segment.find("%25", at + 3)) {
    const std::string_view next = segment.substr(at + 3, 2);
    if (next.size() == 2 && HexValue(next[0]) >= 0 && HexValue(next[1]) >= 0) return true;
  }
  return false;
}

Result<void> CheckSegment(std::string_view segment) {
  if (HasEscapedEscape(segment)) return Bad("an escape of an escape");
  if (IsDots(segment)) return Bad("a '.' or '..' segment");
  while (true) {
    const size_t slash = segment.find("%2F");
    if (IsDots(segment.substr(0, slash))) return Bad("a '.' or '..' beside an escaped slash");
    if (slash == std::string_view::npos) return Ok();
    segment.remove_prefix(slash + 3);
  }
}

// `text` matches `pattern`, which holds at most one '*'.
bool MatchesSegment(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return text.size() >= head.size() + tail.size() && text.starts_with(head) && text.ends_with(tail);
}

// In lower case, for some servers do not look at it. Of a query the escapes may be broken: it is
// compared with what was decoded in the same way.
std::string DecodeAll(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(HexValue(text[i + 1]) << 4 | HexValue(text[i + 2]));
    i += 2;
  }
  return ToLower(out);
}

// What servers do not agree on.
struct Reading {
  bool semicolon_splits;
  bool plus_is_blank;
};

// The parameters of a query, decoded, for there is no order that servers agree on. "a=" is "a".
std::set<std::string> Parameters(std::string_view query, Reading as) {
  std::set<std::string> out;
  std::string plain(query);
  if (as.plus_is_blank) std::replace(plain.begin(), plain.end(), '+', ' ');
  if (as.semicolon_splits) std::replace(plain.begin(), plain.end(), ';', '&');
  for (const std::string_view one : Split(plain, '&')) {
    if (one.empty()) continue;
    std::string decoded = DecodeAll(one);
    if (decoded.find('=') == decoded.size() - 1) decoded.pop_back();
    out.insert(std::move(decoded));
  }
  return out;
}

// Whether some server could find all that `wanted` has in `query`, or take them for the same text.
bool MayHave(std::string_view wanted, std::string_view query) {
  if (DecodeAll(wanted) == DecodeAll(query)) return true;
  for (const bool semicolon : {false, true}) {
    for (const bool plus : {false, true}) {
      const Reading as{semicolon, plus};
      const std::set<std::string> needed = Parameters(wanted, as);
      const std::set<std::string> there = Parameters(query, as);
      if (std::includes(there.begin(), there.end(), needed.begin(), needed.end())) return true;
    }
  }
  return false;
}

std::vector<std::string> Loosen(const std::vector<std::string>& segments) {
  std::vector<std::string> out;
  for (const std::string& segment : segments) {
    const std::string decoded = DecodeAll(segment);
    for (const std::string_view part : Split(decoded, '/')) {
      const std::string_view plain = part.substr(0, part.find(';'));
      if (!plain.empty()) out.emplace_back(plain);
    }
  }
  return out;
}

bool MatchesAll(const std::vector<std::string>& patterns, bool rest,
                const std::vector<std::string>& segments) {
  const size_t own = patterns.size();
  if (rest ? segments.size() <= own : segments.size() != own) return false;
  for (size_t i = 0; i < own; ++i) {
    if (!MatchesSegment(patterns[i], segments[i])) return false;
  }
  return true;
}

}  // namespace

Result<RequestPath> RequestPath::Parse(std::string_view target) {
  if (target.size() > kPathBytesMax) return Bad("it is over 8 KiB");
  RequestPath path;
  const size_t mark = target.find('?');
  if (mark != std::string_view::npos) path.query = target.substr(mark + 1);
  const std::string_view text = target.substr(0, mark);
  if (!text.starts_with('/')) return Bad("it does not start with '/'");
  std::string segment;
  for (size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '/') {
      if (segment.empty()) return Bad("an empty segment");
      path.segments.push_back(std::exchange(segment, {}));
    } else if (c == '%') {
      RETURN_IF_ERROR(TakeEscape(text, i, segment));
      i += 2;
    } else if (c == '\\' || c == '#' || c == ' ' || IsControl(static_cast<unsigned char>(c)) ||
               static_cast<unsigned char>(c) >= 0x80) {
      return Bad("a character that has to be escaped");
    } else {
      segment += c;
    }
  }
  path.segments.push_back(std::move(segment));
  for (const std::string& s : path.segments) RETURN_IF_ERROR(CheckSegment(s));
  return path;
}

Result<PathPattern> PathPattern::Parse(std::string_view text) {
  PathPattern pattern;
  ASSIGN_OR_RETURN(RequestPath path, RequestPath::Parse(text));
  pattern.has_query_ = text.find('?') != std::string_view::npos;
  pattern.query_ = std::move(path.query);
  pattern.rest_ = path.segments.back() == "**";
  if (pattern.rest_) path.segments.pop_back();
  pattern.segments_ = std::move(path.segments);
  pattern.loose_ = Loosen(pattern.segments_);
  for (const std::string& segment : pattern.segments_) {
    if (std::count(segment.begin(), segment.end(), '*') > 1) {
      return Error(Code::kInvalid,
                   "a segment may hold one '*'; '**' stands only at the end: /org/**");
    }
  }
  for (const std::string& segment : pattern.segments_) pattern.text_ += "/" + segment;
  if (pattern.rest_) pattern.text_ += "/**";
  if (pattern.has_query_) pattern.text_ += "?" + pattern.query_;
  return pattern;
}

bool PathPattern::Matches(const RequestPath& path) const {
  if (has_query_ && query_ != path.query) return false;
  return MatchesAll(segments_, rest_, path.segments);
}

bool PathPattern::MayMatch(const RequestPath& path) const {
  if (Matches(path)) return true;
  if (!MatchesAll(loose_, rest_, Loosen(path.segments))) return false;
  return !has_query_ || MayHave(query_, path.query);
}

}  // namespace cove::policy
