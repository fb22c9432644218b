#include "policy/punycode.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace cove::policy {
namespace {

// RFC 3492 section 5.
constexpr uint64_t kBase = 36;
constexpr uint64_t kDigitMin = 1;
constexpr uint64_t kDigitMax = 26;
constexpr uint64_t kSkew = 38;
constexpr uint64_t kDamp = 700;
constexpr uint64_t kFirstBias = 72;
constexpr uint64_t kFirstCode = 128;

constexpr uint64_t kCodeMax = 0x10ffff;
constexpr uint64_t kFirstLetter = 0xa0;  // after ASCII and the second set of controls

std::optional<uint64_t> DigitOf(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<uint64_t>(c - 'a');
  if (c >= '0' && c <= '9') return static_cast<uint64_t>(c - '0' + 26);
  return std::nullopt;
}

// Section 6.1.
uint64_t Adapt(uint64_t delta, uint64_t points, uint64_t damp) {
  delta /= damp;
  delta += delta / points;
  uint64_t k = 0;
  for (; delta > (kBase - kDigitMin) * kDigitMax / 2; k += kBase) delta /= kBase - kDigitMin;
  return k + (kBase - kDigitMin + 1) * delta / (delta + kSkew);
}

// One number of section 3.3, taken off the text. It is bounded by far less than would overflow.
std::optional<uint64_t> TakeNumber(std::string_view& text, uint64_t bias, uint64_t most) {
  uint64_t out = 0;
  uint64_t weight = 1;
  for (uint64_t k = kBase;; k += kBase) {
    if (text.empty()) return std::nullopt;
    const auto digit = DigitOf(text.front());
    text.remove_prefix(1);
    if (!digit || weight > most) return std::nullopt;
    out += *digit * weight;
    if (out > most) return std::nullopt;
    const uint64_t threshold = k <= bias ? kDigitMin : std::clamp(k - bias, kDigitMin, kDigitMax);
    if (*digit < threshold) return out;
    weight *= kBase - threshold;
  }
}

bool IsLetter(uint64_t code) {
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code >= kFirstLetter && code <= kCodeMax && !surrogate;
}

}  // namespace

bool IsPunycode(std::string_view text) {
  const size_t hyphen = text.rfind('-');
  uint64_t points = hyphen == std::string_view::npos ? 0 : hyphen;
  if (hyphen != std::string_view::npos) text.remove_prefix(hyphen + 1);
  if (text.empty()) return false;
  uint64_t code = kFirstCode;
  uint64_t place = 0;
  uint64_t bias = kFirstBias;
  while (!text.empty()) {
    const uint64_t most = (kCodeMax + 1) * (points + 1);
    const auto delta = TakeNumber(text, bias, most);
    if (!delta) return false;
    bias = Adapt(*delta, points + 1, place == 0 ? kDamp : 2);
    ++points;
    code += (place + *delta) / points;
    place = (place + *delta) % points + 1;
    if (!IsLetter(code)) return false;
  }
  return true;
}

}  // namespace cove::policy
