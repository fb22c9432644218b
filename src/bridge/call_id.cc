#include "bridge/call_id.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace cove::bridge {
namespace {

constexpr int kFractionBits = 12;
constexpr size_t kIdBytes = 36;
constexpr size_t kVersionAt = 14;

}  // namespace

int64_t CallNumber(WallTime start) {
  const int64_t micros = std::max<int64_t>(start.micros, 0);
  return ((micros / 1000) << kFractionBits) + ((micros % 1000) << kFractionBits) / 1000;
}

// "mmmmmmmm-mmmm-7fff-…": the dashes and the version are left out.
int64_t CallNumber(std::string_view id) {
  if (id.size() != kIdBytes || id[kVersionAt] != '7') return -1;
  std::string digits(id.substr(0, 8));
  digits.append(id.substr(9, 4)).append(id.substr(kVersionAt + 1, 3));
  int64_t number = -1;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return error == std::errc() && end == digits.data() + digits.size() ? number : -1;
}

std::string NewCallId(int64_t number) {
  constexpr std::string_view kVariants = "89ab";
  constexpr uint64_t kFraction = (uint64_t{1} << kFractionBits) - 1;
  const auto n = static_cast<uint64_t>(number);
  const uint64_t beginning =
      ((n & ~kFraction) << 4) | (uint64_t{7} << kFractionBits) | (n & kFraction);
  std::array<std::byte, sizeof beginning> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(beginning >> (8 * (bytes.size() - 1 - i)));
  }
  std::string id = ToHex(bytes) + RandomHex(8);
  id[16] = kVariants[static_cast<size_t>(id[16]) % kVariants.size()];
  for (const size_t at : {8, 13, 18, 23}) id.insert(at, 1, '-');
  return id;
}

}  // namespace cove::bridge
