// Disk: where boxes write. Every box has a directory of its own on one file system, with a limit
// that the kernel keeps: at the limit its programs see "disk quota exceeded", and nobody else sees
// anything. Whatever a box can write to disk is in there: upper, work, the toolbox's state.
//
// OpenDisk() gives the real one: a sparse image file below DIR/runner, a btrfs in it, a subvolume
// per box (docs/decisions/0024). Thread: one; calls are short.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"

namespace cove::runner {

// What must stay free of a disk of this size for the machine itself, and so that what boxes have
// been promised to be written can be.
uint64_t DiskReserve(uint64_t disk_bytes);
// The size of a new image on a disk with so much free. kExhausted: too little for any box.
Result<uint64_t> ImageSize(uint64_t disk_bytes, uint64_t free_bytes);

struct DiskFacts {
  std::string scheme;
  uint64_t bytes = 0;            // for all boxes
  uint64_t available_bytes = 0;  // of that, now
  uint64_t host_bytes = 0;       // the data directory's own file system
  uint64_t host_available_bytes = 0;
  uint64_t host_reserve_bytes = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  // An empty directory, 0700 root, for at most so many bytes (0: as the disk allows). There
  // already: its limit is set.
  virtual Result<void> Make(const SandboxId& id, uint64_t bytes) = 0;
  // Also below what it holds: then nothing more can be written.
  virtual Result<void> Limit(const SandboxId& id, uint64_t bytes) = 0;
  // Bytes held; what is not on the disk yet (Jobs::Sync) is not counted.
  virtual Result<uint64_t> Use(const SandboxId& id) const = 0;
  // Out of sight at once; the space comes back behind. Absent: fine.
  virtual Result<void> Remove(const SandboxId& id) = 0;
  virtual Result<std::vector<SandboxId>> List() const = 0;
  virtual std::string path(const SandboxId& id) const = 0;
  virtual Result<DiskFacts> Facts() const = 0;
  // Looks once: while the disk behind has less left than half its reserve, nobody may write more,
  // because a file system that cannot write is lost for all.
  virtual void Guard() = 0;
};

// Makes the image at first. `runner_dir` is DIR/runner, of which this process holds the lock;
// called in the runner's own mount namespace, before any thread or child. The mount goes with the
// object, but boxes that run keep the file system, and the next one finds it again.
Result<std::unique_ptr<Disk>> OpenDisk(const std::string& runner_dir);

}  // namespace cove::runner
