// People ask for memory and disk in GiB, with fractions; the machine counts bytes.
#pragma once

#include <cmath>
#include <cstdint>

namespace cove::control {

inline constexpr double kGib = 1024.0 * 1024 * 1024;

inline uint64_t BytesOf(double gib) { return static_cast<uint64_t>(std::llround(gib * kGib)); }
inline double GibOf(uint64_t bytes) { return static_cast<double>(bytes) / kGib; }

}  // namespace cove::control
