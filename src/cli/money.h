// Micro-dollars as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace cove::cli {

// "$1.25"; six digits after the point at the most, two at the least.
std::string Dollars(int64_t micros);

}  // namespace cove::cli
