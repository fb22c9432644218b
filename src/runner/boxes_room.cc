// What the machine must have before a box is made, and the watch over its disk.
#include <sys/resource.h>

#include "base/text.h"
#include "runner/boxes.h"
#include "sys/small_file.h"

namespace cove::runner {
namespace {

constexpr size_t kFilesPerBox = 12;
constexpr size_t kFilesOfOurs = 128;
constexpr uint64_t kPidsPerBox = 64;
constexpr uint64_t kMiB = 1 << 20;
constexpr seconds kGuardPeriod{1};

uint64_t NumberIn(const std::string& path) {
  const auto text = sys::ReadFile(path);
  return text ? ParseInt<uint64_t>(Trim(*text)).value_or(UINT64_MAX) : UINT64_MAX;
}

// The fourth field of /proc/loadavg is RUNNABLE/ALL, threads counted (proc(5)).
uint64_t ThreadsNow() {
  const auto text = sys::ReadFile("/proc/loadavg");
  if (!text) return 0;
  const auto fields = Split(*text, ' ');
  if (fields.size() < 4) return 0;
  return ParseInt<uint64_t>(fields[3].substr(fields[3].find('/') + 1)).value_or(0);
}

Result<void> CheckDisk(const DiskFacts& disk) {
  if (disk.host_available_bytes < disk.host_reserve_bytes) {
    return Error(Code::kExhausted, "the disk of the data directory has " +
                                       std::to_string(disk.host_available_bytes / kMiB) +
                                       " MiB left, of which " +
                                       std::to_string(disk.host_reserve_bytes / kMiB) +
                                       " are kept in reserve: delete sandboxes or snapshots");
  }
  if (disk.available_bytes < disk.bytes / 16) {
    return Error(Code::kExhausted, "the disk of the sandboxes has only " +
                                       std::to_string(disk.available_bytes / kMiB) + " of " +
                                       std::to_string(disk.bytes / kMiB) +
                                       " MiB left: delete sandboxes");
  }
  return Ok();
}

}  // namespace

Result<void> Boxes::CheckRoom() const {
  rlimit files{};
  const size_t wanted = kFilesOfOurs + (boxes_.size() + 1) * kFilesPerBox;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && wanted > files.rlim_cur) {
    return Error(Code::kExhausted, "the runner may hold " + std::to_string(files.rlim_cur) +
                                       " open files, and one sandbox more could need " +
                                       std::to_string(wanted) +
                                       ": delete sandboxes, or raise the limit (LimitNOFILE)");
  }
  static const uint64_t threads_max =
      std::min(NumberIn("/proc/sys/kernel/pid_max"), NumberIn("/proc/sys/kernel/threads-max"));
  if (const uint64_t now = ThreadsNow(); now + kPidsPerBox > threads_max) {
    return Error(Code::kExhausted, "the machine runs " + std::to_string(now) + " of " +
                                       std::to_string(threads_max) +
                                       " processes and threads that its kernel allows: stop some, "
                                       "or raise kernel.pid_max and kernel.threads-max");
  }
  ASSIGN_OR_RETURN(const DiskFacts disk, deps_.disk.Facts());
  return CheckDisk(disk);
}

Task<void> Boxes::GuardDisk() {
  for (;;) {
    deps_.disk.Guard();
    co_await async::Sleep(kGuardPeriod);
  }
}

}  // namespace cove::runner
