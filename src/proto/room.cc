#include "proto/room.h"

#include <string>

namespace cove::proto {
namespace {

constexpr uint64_t kThreadsPerBox = 64;
constexpr uint64_t kMiB = 1 << 20;
// What Differ() takes for the same.
constexpr uint64_t kThreadsStep = 64;
constexpr uint64_t kBytesStep = 16 * kMiB;
// The rest is the file system's own (runner/disk.h).
constexpr uint64_t kOwnPart = 16;

Error Full(std::string text) { return Error(Code::kExhausted, std::move(text)); }

Result<void> CheckCounts(const Room& room, size_t boxes) {
  if (boxes >= room.boxes_by_files) {
    return Full("the runner may hold " + std::to_string(room.files_max) +
                " open files, enough for " + std::to_string(room.boxes_by_files) +
                " sandboxes: delete some, or raise the limit (LimitNOFILE= of the service)");
  }
  if (boxes >= room.boxes_by_uids) {
    return Full("the ranges of uids that this server can have are enough for " +
                std::to_string(room.boxes_by_uids) +
                " sandboxes: delete some, or data directories that are not needed "
                "(/var/lib/cove-uids names them)");
  }
  if (room.disk_available_bytes < room.disk_bytes / kOwnPart) {
    return Full("the disk of the sandboxes has only " +
                std::to_string(room.disk_available_bytes / kMiB) + " of " +
                std::to_string(room.disk_bytes / kMiB) + " MiB left: delete sandboxes");
  }
  return Ok();
}

}  // namespace

bool Differ(const Room& a, const Room& b) {
  return a.files_max != b.files_max || a.boxes_by_files != b.boxes_by_files ||
         a.boxes_by_uids != b.boxes_by_uids || a.threads_max != b.threads_max ||
         a.host_reserve_bytes != b.host_reserve_bytes || a.disk_bytes != b.disk_bytes ||
         a.weighs_io != b.weighs_io || a.threads / kThreadsStep != b.threads / kThreadsStep ||
         a.host_available_bytes / kBytesStep != b.host_available_bytes / kBytesStep ||
         a.disk_available_bytes / kBytesStep != b.disk_available_bytes / kBytesStep;
}

Result<void> CheckRoom(const Room& room, size_t boxes, For what) {
  if (what == For::kNewBox) RETURN_IF_ERROR(CheckCounts(room, boxes));
  if (room.threads + kThreadsPerBox > room.threads_max) {
    return Full("the machine runs " + std::to_string(room.threads) + " of " +
                std::to_string(room.threads_max) +
                " processes and threads that its kernel allows: stop some, or raise "
                "kernel.pid_max and kernel.threads-max");
  }
  // Below half of the reserve no box may write at all.
  const uint64_t least =
      what == For::kNewBox ? room.host_reserve_bytes : room.host_reserve_bytes / 2;
  return CheckReserve(room.host_available_bytes, least);
}

Result<void> CheckReserve(uint64_t available, uint64_t kept) {
  if (available >= kept) return Ok();
  return Full("the disk of the data directory has " + std::to_string(available / kMiB) +
              " MiB left, of which " + std::to_string(kept / kMiB) +
              " are kept in reserve: delete sandboxes or snapshots");
}

}  // namespace cove::proto
