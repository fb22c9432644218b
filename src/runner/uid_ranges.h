// UidRanges: which slots of host uids (box_record.h) this data directory may give to its boxes, so
// that no two servers of a machine give the same one.
//
// Concept: slots come in blocks. A file REGISTRY/<block> names the data directory that has the
// block, by path, device and inode, also while its server is down, because its boxes may run on. A
// claim holds as long as that directory is there; one of a directory that is gone is taken over,
// unless a process still runs with a uid of the block. An empty file is a free block; files are
// never removed. Who writes a claim holds that file's lock, and who finds it held looks at the next
// block: nobody waits for another server, which may be stopped for ever.
// See docs/decisions/0025. Thread: one; calls block on the disk.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "runner/slots.h"

namespace cove::runner {

inline constexpr uint32_t kSlotsPerBlock = 250;
inline constexpr const char* kUidRegistry = "/var/lib/cove-uids";

class UidRanges {
 public:
  // Reads what `runner_dir` has already; `registry` is made, 0700.
  static Result<UidRanges> Open(const std::string& registry, const std::string& runner_dir);

  // The lowest slot of our blocks that is not `used`; another block is claimed when all are.
  // kExhausted: other data directories have the rest.
  Result<uint32_t> FreeSlot(const SlotsInUse& used);
  // For how many boxes, those that exist included, there are slots: all but what others have.
  Result<uint32_t> Slots() const;
  // Claims the block of a slot that a box of ours has. kConflict: another directory has it.
  Result<void> Keep(uint32_t slot);
  // Gives back every block: nothing of ours runs or is kept.
  void Release();

 private:
  // Whether it is ours now.
  Result<bool> Claim(uint32_t block);
  // Whether another data directory has it.
  bool Taken(uint32_t block) const;
  bool Others(const std::string& claim) const;

  std::string mine_;  // what our claims say
  UniqueFd registry_;
  std::set<uint32_t> blocks_;
};

}  // namespace cove::runner
