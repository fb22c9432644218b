// What room the machine has for boxes, and the watch over it and over the disk behind them.
#include <sys/resource.h>

#include <algorithm>

#include "base/text.h"
#include "log/log.h"
#include "runner/boxes.h"
#include "sys/small_file.h"

namespace cove::runner {
namespace {

constexpr size_t kFilesPerBox = 12;
constexpr size_t kFilesOfOurs = 128;
constexpr seconds kWatchPeriod{1};

uint64_t NumberIn(const std::string& path) {
  const auto number = sys::ReadNumber(path);
  return number && *number > 0 ? *number : UINT64_MAX;
}

// The fourth field of /proc/loadavg is RUNNABLE/ALL, threads counted (proc(5)).
uint64_t ThreadsNow() {
  const auto text = sys::ReadFile("/proc/loadavg");
  if (!text) return 0;
  const auto fields = Split(*text, ' ');
  if (fields.size() < 4) return 0;
  return ParseInt<uint64_t>(fields[3].substr(fields[3].find('/') + 1)).value_or(0);
}

}  // namespace

uint64_t Boxes::FilesFor(size_t boxes) { return kFilesOfOurs + boxes * kFilesPerBox; }

Result<proto::Room> Boxes::RoomNow() const {
  ASSIGN_OR_RETURN(const uint32_t slots, deps_.uids.Slots());
  return RoomWith(slots);
}

Result<proto::Room> Boxes::RoomWith(uint32_t slots) const {
  proto::Room room;
  room.boxes_by_uids = slots;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return Error::FromErrno("look at the file limit");
  room.files_max = files.rlim_cur;
  const uint64_t for_boxes = files.rlim_cur - std::min<uint64_t>(files.rlim_cur, kFilesOfOurs);
  room.boxes_by_files =
      static_cast<uint32_t>(std::min<uint64_t>(for_boxes / kFilesPerBox, UINT32_MAX));
  static const uint64_t threads_max =
      std::min(NumberIn("/proc/sys/kernel/pid_max"), NumberIn("/proc/sys/kernel/threads-max"));
  room.threads = ThreadsNow();
  room.threads_max = threads_max;
  ASSIGN_OR_RETURN(const DiskFacts disk, deps_.disk.Facts());
  room.host_available_bytes = disk.host_available_bytes;
  room.host_reserve_bytes = disk.host_reserve_bytes;
  room.disk_bytes = disk.bytes;
  room.disk_available_bytes = disk.available_bytes;
  room.weighs_io = deps_.driver.WeighsIo();
  return room;
}

// Those that are going make room for the one that is asked for; they are counted only when it
// depends on them. For the same reason what others have of the uids may be a second old: to ask
// reads a file for each of them, and whoever takes a slot finds out (UidRanges::FreeSlot).
Result<void> Boxes::CheckRoom() const {
  ASSIGN_OR_RETURN(const proto::Room room, told_ ? RoomWith(told_->boxes_by_uids) : RoomNow());
  if (proto::CheckRoom(room, boxes_.size(), proto::For::kNewBox)) return Ok();
  const auto stay = std::count_if(boxes_.begin(), boxes_.end(),
                                  [](const auto& item) { return !item.second->deleting; });
  return proto::CheckRoom(room, static_cast<size_t>(stay), proto::For::kNewBox);
}

Task<void> Boxes::WatchRoom() {
  for (;;) {
    deps_.disk.Guard();
    GuardMachine();
    const auto room = RoomNow();
    if (room && deps_.on_room && (!told_ || proto::Differ(*told_, *room))) {
      told_ = *room;
      deps_.on_room(*room);
    }
    co_await async::Sleep(kWatchPeriod);
  }
}

}  // namespace cove::runner
