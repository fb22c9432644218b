// Small text helpers: no locale, no exceptions, ASCII rules.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cove {

std::vector<std::string_view> Split(std::string_view text, char separator);
std::string_view Trim(std::string_view text);
std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);

// A whole decimal number that fits, or nothing: no sign for unsigned types, no blanks, no rest.
template <class Int>
std::optional<Int> ParseInt(std::string_view text, int radix = 10) {
  Int value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string ToHex(std::span<const std::byte> bytes);

// n random bytes from the kernel as 2n hex digits; the source of every id and token.
std::string RandomHex(size_t bytes);

// A random RFC 9562 version 4 UUID in lower case.
std::string NewUuid();

// Quotes for a POSIX shell: the result is one word that means exactly `text`.
std::string ShellQuote(std::string_view text);

// Percent-decoding of a URI component (RFC 3986); `plus_is_space` for query strings. Nothing if
// an escape is malformed.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);
std::string PercentEncode(std::string_view text);

// Micro-dollars as people read them: 1250000 as "1.25", at least two digits after the point.
std::string DollarText(int64_t micros);

}  // namespace cove
