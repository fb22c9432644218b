// Unquote(): a JSON string's text, forgiving. Sources: RFC 8259 section 7, RFC 3629.
#include <array>
#include <optional>

#include "json/pieces.h"

namespace cove::json {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// The number that four hexadecimal digits at `at` write.
std::optional<uint32_t> HexUnit(std::string_view raw, size_t at) {
  if (at + 4 > raw.size()) return std::nullopt;
  uint32_t out = 0;
  for (const char c : raw.substr(at, 4)) {
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
    out = out * 16 + digit;
  }
  return out;
}

void AppendUtf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// After "\u": gives how many bytes of `raw` at `at` were used; 0: it is cut or no escape.
size_t AppendUnit(std::string& out, std::string_view raw, size_t at) {
  const auto unit = HexUnit(raw, at);
  if (!unit) return 0;
  if (*unit < 0xd800 || *unit > 0xdfff) {
    AppendUtf8(out, *unit);
    return 4;
  }
  if (*unit < 0xdc00 && raw.substr(at + 4, 2) == "\\u") {
    const auto low = HexUnit(raw, at + 6);
    if (low && *low >= 0xdc00 && *low <= 0xdfff) {
      AppendUtf8(out, 0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00));
      return 10;
    }
  }
  out += kReplacement;
  return 4;
}

// The length of the UTF-8 character at the front of `text`; 0 when there is none.
size_t CharacterSize(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < size) return 0;
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

char Escaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

std::string Unquote(std::string_view raw) {
  if (!raw.starts_with('"')) return raw == "null" ? std::string() : std::string(raw);
  std::string out;
  out.reserve(raw.size());
  for (size_t at = 1; at < raw.size() && raw[at] != '"';) {
    if (raw[at] != '\\') {
      const size_t size = CharacterSize(raw.substr(at));
      // A character that the cut went through is left out.
      if (size == 0 && at + 4 > raw.size() && static_cast<uint8_t>(raw[at]) >= 0xc2) break;
      out.append(size == 0 ? kReplacement : raw.substr(at, size));
      at += size == 0 ? 1 : size;
      continue;
    }
    if (at + 1 >= raw.size()) break;
    if (raw[at + 1] != 'u') {
      out += Escaped(raw[at + 1]);
      at += 2;
      continue;
    }
    const size_t used = AppendUnit(out, raw, at + 2);
    if (used == 0 && at + 6 > raw.size()) break;
    if (used == 0) out += kReplacement;
    at += 2 + used;
  }
  return out;
}

}  // namespace cove::json
