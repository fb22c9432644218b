#include "policy/host_name.h"

#include <idn2.h>

#include <memory>

#include "base/text.h"

namespace cove::policy {
namespace {

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }
bool IsLabelChar(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || c == '-'; }

bool AllOf(std::string_view text, bool (*test)(char)) {
  for (const char c : text) {
    if (!test(c)) return false;
  }
  return true;
}

// Decimal, octal ("0177" is digits too) and hexadecimal, as inet_aton(3) reads numbers.
bool IsNumber(std::string_view label) {
  if (AllOf(label, IsDigit)) return true;
  return label.starts_with("0x") && AllOf(label.substr(2), IsHexDigit);
}

// Whether a label that begins with "xn--" can be decoded (RFC 3492), and not to controls.
bool StandsForLetters(const std::string& label) {
  char* decoded = nullptr;
  if (idn2_to_unicode_8z8z(label.c_str(), &decoded, 0) != IDN2_OK) return false;
  const std::unique_ptr<char, void (*)(void*)> owned(decoded, idn2_free);
  const std::string_view text(decoded);
  for (size_t at = text.find('\xc2'); at != text.npos; at = text.find('\xc2', at + 1)) {
    if (static_cast<unsigned char>(text[at + 1]) < 0xa0) return false;  // U+0080 to U+009F
  }
  return true;
}

Error Bad(std::string_view why) { return {Code::kInvalid, "not a host name: " + std::string(why)}; }

}  // namespace

Result<std::string> CanonicalHost(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return Bad("it is empty");
  if (text.size() > kHostBytesMax) return Bad("it is over 253 bytes");
  if (!AllOf(text, IsAscii)) {
    return Bad("it has letters beyond ASCII; write the form that begins with xn--");
  }
  std::string host = ToLower(text);
  std::string_view last;
  for (const std::string_view label : Split(host, '.')) {
    if (label.empty()) return Bad("it has an empty label");
    if (label.size() > kLabelBytesMax) return Bad("it has a label over 63 bytes");
    if (!AllOf(label, IsLabelChar)) return Bad("only letters, digits, '-' and '.' may be in it");
    if (label.front() == '-' || label.back() == '-') return Bad("a label starts or ends with '-'");
    if (label.starts_with("xn--") && !StandsForLetters(std::string(label))) {
      return Bad("a label begins with xn-- and stands for no letters (RFC 3492)");
    }
    last = label;
  }
  if (IsNumber(last)) return Bad("it is a number or an IP address");
  return host;
}

}  // namespace cove::policy
