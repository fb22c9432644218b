#include "cli/money.h"

namespace cove::cli {

std::string Dollars(int64_t micros) {
  constexpr int64_t kMicros = 1'000'000;
  std::string fraction = std::to_string(kMicros + micros % kMicros).substr(1);
  while (fraction.size() > 2 && fraction.back() == '0') fraction.pop_back();
  return "$" + std::to_string(micros / kMicros) + "." + fraction;
}

}  // namespace cove::cli
