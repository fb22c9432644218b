#include "runner/box_record.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/text.h"
#include "image/dir.h"
#include "proto/boot.h"

namespace cove::runner {
namespace {

constexpr size_t kRecordMax = 64 * 1024;
constexpr const char* kSpec = "spec";
constexpr const char* kRun = "run";

enum class Sync { kDisk, kNone };

// Whole or not at all, and with kDisk there after a power cut too.
Result<void> WriteWhole(int dir, const std::string& name, std::string_view bytes, Sync sync) {
  const std::string temporary = "." + name;
  if (unlinkat(dir, temporary.c_str(), 0) != 0 && errno != ENOENT) {
    return image::DiskError("remove " + temporary);
  }
  RETURN_IF_ERROR(image::WriteNewFile(dir, temporary, bytes, 0600, 0, 0));
  if (sync == Sync::kDisk) {
    const UniqueFd fd(openat(dir, temporary.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd || fsync(fd.get()) != 0) return image::DiskError("sync " + name);
  }
  if (renameat(dir, temporary.c_str(), dir, name.c_str()) != 0)
    return image::DiskError("name " + name);
  if (sync == Sync::kDisk && fsync(dir) != 0) return image::DiskError("sync the box's directory");
  return Ok();
}

template <class Record>
Result<Record> ReadRecord(int dir, const char* name) {
  auto text = image::ReadWholeFile(dir, name, kRecordMax);
  if (!text) {
    if (text.error().sys_errno() == ENOENT)
      return Error(Code::kNotFound, "there is no such record");
    return std::move(text).error();
  }
  ASSIGN_OR_RETURN(Record record, proto::Decode<Record>(*text));
  if (record.version != Record().version) {
    return Error(Code::kInternal, std::string(name) + " was written by another version of Cove");
  }
  return record;
}

}  // namespace

uint32_t UidBase(uint32_t slot) { return kUidFirst + slot * proto::boot::kUidSlot; }

Result<void> WriteSpec(int dir, const BoxSpecRecord& record) {
  return WriteWhole(dir, kSpec, proto::Encode(record), Sync::kDisk);
}
Result<BoxSpecRecord> ReadSpec(int dir) { return ReadRecord<BoxSpecRecord>(dir, kSpec); }

bool HasSpec(int boxes, const std::string& box) {
  return faccessat(boxes, (box + "/" + kSpec).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<void> RemoveSpec(int dir) {
  for (const char* name : {kSpec, ".spec", kRun, ".run"}) {
    if (unlinkat(dir, name, 0) != 0 && errno != ENOENT) {
      return image::DiskError(std::string("remove the box's record ") + name);
    }
  }
  return Ok();
}

Result<void> WriteRun(int dir, const BoxRunRecord& record) {
  // After a power cut nothing runs: the boot id would not match.
  return WriteWhole(dir, kRun, proto::Encode(record), Sync::kNone);
}
Result<BoxRunRecord> ReadRun(int dir) { return ReadRecord<BoxRunRecord>(dir, kRun); }

Result<void> RemoveRun(int dir) {
  if (unlinkat(dir, kRun, 0) != 0 && errno != ENOENT)
    return image::DiskError("remove the run record");
  return Ok();
}

std::string BootId() {
  const auto text = [] {
    const UniqueFd proc(open("/proc/sys/kernel/random", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return image::ReadWholeFile(proc.get(), "boot_id", 100);
  }();
  return text ? std::string(Trim(*text)) : std::string();
}

}  // namespace cove::runner
