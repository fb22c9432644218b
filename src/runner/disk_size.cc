#include <algorithm>

#include "runner/disk.h"

namespace cove::runner {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;
constexpr uint64_t kImageMin = 512 * kMiB;
constexpr uint64_t kImageMax = 15ull << 40;  // ext4 holds no larger file

}  // namespace

uint64_t DiskReserve(uint64_t disk_bytes) { return std::clamp(disk_bytes / 20, kGiB, 8 * kGiB); }

Result<uint64_t> ImageSize(uint64_t disk_bytes, uint64_t free_bytes) {
  const uint64_t reserve = DiskReserve(disk_bytes);
  if (free_bytes < reserve + kImageMin) {
    return Error(Code::kExhausted, "the data directory's disk has " +
                                       std::to_string(free_bytes / kMiB) + " MiB free; " +
                                       std::to_string((reserve + kImageMin) / kMiB) +
                                       " are needed: free some, or choose another --data");
  }
  return std::min(free_bytes - reserve, kImageMax) / kMiB * kMiB;
}

}  // namespace cove::runner
