// What the runner keeps about a box on disk, beside its files:
//
//   boxes/<id>/spec   BoxSpecRecord: what it is; its presence makes the box exist
//   boxes/<id>/run    BoxRunRecord: which process it is; there while it runs
//
// Both are proto::Encode behind a version, written under another name and renamed, so they are
// whole or absent; the spec is synced. Thread: any; calls block for a sync.
#pragma once

#include <optional>

#include "base/result.h"
#include "proto/runner.h"

namespace cove::runner {

struct BoxSpecRecord {
  uint32_t version = 2;
  SandboxId id;
  ImageId image;
  proto::runner::Limits limits;
  std::string hostname;
  uint32_t slot = 0;  // which range of host uids is its own; see UidBase()
  proto::Profile profile = proto::Profile::kDefault;
  template <class A>
  void Fields(A& a) {
    a(version, id, image, limits, hostname, slot, profile);
  }
};

struct BoxRunRecord {
  uint32_t version = 1;
  int32_t pid = 0;
  uint64_t start_time = 0;
  std::string boot_id;  // pid and start time name a process only within one boot
  template <class A>
  void Fields(A& a) {
    a(version, pid, start_time, boot_id);
  }
};

// Slot n has host ids UidBase(n) and the 65536 that follow it.
inline constexpr uint32_t kUidFirst = 1'000'000'000;
inline constexpr uint32_t kUidSlotMax = 25'000;
uint32_t UidBase(uint32_t slot);

// `dir` is boxes/<id>. kNotFound: there is none.
Result<void> WriteSpec(int dir, const BoxSpecRecord& record);
Result<BoxSpecRecord> ReadSpec(int dir);
// The box exists no more, for this runner and the next; all else in `dir` that is ours goes along.
Result<void> RemoveSpec(int dir);
// Whether the directory `box` of `boxes` has one: without, it is what a removal has left.
bool HasSpec(int boxes, const std::string& box);
Result<void> WriteRun(int dir, const BoxRunRecord& record);
Result<BoxRunRecord> ReadRun(int dir);
Result<void> RemoveRun(int dir);

// This boot's id (random(4)).
std::string BootId();

}  // namespace cove::runner
