#include "bridge/call_id.h"

#include <array>

#include "base/clock.h"
#include "base/text.h"

namespace cove::bridge {

std::string NewCallId() {
  constexpr size_t kTimeDigits = 12;
  constexpr std::string_view kVariants = "89ab";
  const auto millis = static_cast<uint64_t>(WallNow().micros / 1000);
  std::array<std::byte, kTimeDigits / 2> time{};
  for (size_t i = 0; i < time.size(); ++i) {
    time[i] = static_cast<std::byte>(millis >> (8 * (time.size() - 1 - i)));
  }
  // 32 digits: the time, and where RFC 9562 has version and variant, those.
  std::string id = ToHex(time) + RandomHex(10);
  id[12] = '7';
  id[16] = kVariants[static_cast<size_t>(id[16]) % kVariants.size()];
  for (const size_t at : {8, 13, 18, 23}) id.insert(at, 1, '-');
  return id;
}

}  // namespace cove::bridge
