// Boxes: every box of this machine, kept and running; the operations that the front may ask for.
//
// Concept: a box exists while boxes/<id>/spec does, its files are on the Disk, and it runs while
// its record names a live process. What is in memory can be made again from that at any time, by
// Recover(). Operations on one box take turns. A box's process is nobody's child for long: it
// outlives the runner.
//
// An operation goes on when the front that asked is gone: its end shows in List().
// Thread: loop-confined. The deps must outlive this.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "async/task_group.h"
#include "proto/runner.h"
#include "runner/box_record.h"
#include "runner/data_dir.h"
#include "runner/disk.h"
#include "runner/jobs.h"
#include "runner/shares.h"
#include "runner/turn.h"
#include "runner/uid_ranges.h"
#include "sandbox/driver.h"
#include "sys/machine.h"
#include "sys/socket_bytes.h"

namespace cove::runner {

struct Attached {
  proto::runner::BoxStarted info;
  std::vector<UniqueFd> sockets;  // duplicates for the front, in the order of the contract
};

class Boxes {
 public:
  struct Deps {
    sandbox::NamespaceDriver& driver;
    const DataDir& data;
    Jobs& jobs;
    Disk& disk;
    UidRanges& uids;
    // Called for every box that ends, before a stop that ended it replies.
    std::function<void(const proto::runner::BoxExited&)> on_exited;
    // Called when the kernel has killed processes of a box for want of memory.
    std::function<void(const proto::runner::BoxOom&)> on_oom;
    // Called when there is clearly more or less room than was last told.
    std::function<void(const proto::Room&)> on_room;
    Shares shares = {};
    // Whose images these are. Another server's are only looked at: none is made, swept or removed.
    enum class Images { kOwn, kBorrowed } images = Images::kOwn;
    std::function<Result<sys::Machine>()> look_at_machine = sys::LookAtMachine;
    std::function<Result<uint64_t>()> socket_bytes = sys::SocketBytesOfMachine;
  };
  explicit Boxes(Deps deps);
  ~Boxes();

  // Once, first: adopts what runs, ends and removes what nobody owns.
  Task<Result<void>> Recover();

  // The requests are checked already (check.h).
  Task<Result<Attached>> Create(proto::runner::BoxCreate request);
  Task<Result<Attached>> Start(SandboxId id);
  Task<Result<Attached>> Attach(SandboxId id);
  Task<Result<void>> Stop(SandboxId id, milliseconds grace);
  Task<Result<void>> Delete(SandboxId id);
  // Replies once nothing in it runs; its file cache goes behind.
  Task<Result<void>> Pause(SandboxId id);
  Task<Result<void>> Resume(SandboxId id);
  // All limits anew; kept on disk before they apply. On an error the old ones hold.
  Task<Result<void>> Resize(SandboxId id, proto::runner::Limits limits);
  Task<Result<proto::runner::ImageInfo>> Snapshot(SandboxId id, Jobs::Progress progress);
  std::vector<proto::runner::BoxInfo> List() const;
  // Ends and removes all of them: for a server that leaves none behind. One that cannot be removed
  // by then stays, for the next server.
  Task<void> DeleteAll(TimePoint deadline);
  // kDenied where images are borrowed.
  Result<void> CheckOwnImages() const;
  Result<proto::Room> RoomNow() const;
  // Open files that a server with so many boxes needs.
  static uint64_t FilesFor(size_t boxes);
  Result<void> CheckFilesFor(const std::vector<std::string>& names) const;
  // Returns when nothing is left of the deleted boxes, or at the deadline.
  Task<void> DrainLeaving(TimePoint deadline);
  // Watches over the disk behind the boxes, the machine's memory and what room there is, for ever.
  Task<void> WatchRoom();
  // Watch over what the boxes' sockets hold, for ever: what is counted for them, and what is not.
  Task<void> WatchSockets();
  Task<void> WatchUnaccepted();

  // kConflict while a box or another image uses it.
  Result<void> DeleteImage(const ImageId& id);

 private:
  struct Box {
    BoxSpecRecord spec;
    SlotsInUse::Hold slot;  // from when spec.slot is known until no process of it lives
    std::optional<sandbox::RunningBox> running;
    async::Event dead;   // set while no process of it lives
    async::Event ended;  // set while nothing of a run is left, cgroups included
    async::Event left;   // set once nothing of a deleted box is left
    bool deleting = false;
    bool paused = false;
    uint64_t oom_kills = 0;   // in this run, by the kernel
    uint64_t host_kills = 0;  // in this run, by KillForMemory(): the same for whoever asks
    uint64_t kills() const { return oom_kills + host_kills; }
    TimePoint dying_until;  // what KillForMemory() has killed
    Turn turn;
    async::TaskGroup reclaim;  // while it is paused
  };
  using BoxPtr = std::shared_ptr<Box>;

  Result<BoxPtr> Find(const SandboxId& id) const;
  Result<UniqueFd> OpenBoxDir(const SandboxId& id) const;
  Result<void> TakeFreeSlot(Box& box);
  Result<proto::Room> RoomWith(uint32_t slots) const;
  Result<void> CheckRoom() const;
  Task<Result<void>> CheckFits(BoxPtr box, uint64_t disk_bytes);
  Result<void> Apply(const Box& box, const proto::runner::Limits& limits);
  Result<Attached> AttachTo(const Box& box) const;
  Result<void> MakeFiles(const BoxSpecRecord& spec);
  Result<void> MakeDisk(const BoxSpecRecord& spec);
  enum class Recorded { kAlready, kNotYet };
  Result<void> Record(const BoxSpecRecord& spec, Recorded recorded, pid_t pid,
                      uint64_t start_time) const;
  Task<Result<void>> Run(BoxPtr box, Recorded recorded);
  Task<void> Watch(BoxPtr box);
  Task<void> WatchOom(BoxPtr box);
  void TellOom(const Box& box);
  void GuardSockets(Box& box, uint64_t uncounted);
  Task<Duration> GuardUnaccepted(uint64_t others);
  void TellUnknown(const Error& why);
  Task<void> UntilOneRuns();
  void GuardMachine();
  void KillForMemory(Box& box);
  Task<void> GiveMemoryBack(SandboxId id);
  Result<void> Thaw(const BoxPtr& box);
  Task<Result<void>> Kill(BoxPtr box);
  Task<void> ClearRuntime(SandboxId id);
  Task<void> DeleteBy(SandboxId id, TimePoint deadline);
  void Trash(const BoxPtr& box);
  Task<void> Leave(BoxPtr box);
  Task<Result<void>> RecoverBox(std::string name);
  std::vector<SlotsInUse::Hold> RecordedSlots(const std::vector<std::string>& names) const;
  Result<void> KeepSlot(const BoxPtr& box, int dir);
  void RemoveStrayDisks();
  Task<void> RemoveStrangers();

  Deps deps_;
  std::string boot_id_;
  SlotsInUse slots_;
  std::map<SandboxId, BoxPtr> boxes_;
  std::map<SandboxId, BoxPtr> leaving_;  // deleted, but not everything of them has gone yet
  std::optional<proto::Room> told_;
  bool unknown_told_ = false;
  async::Event runs_;  // notified when a box starts or goes on
  async::TaskGroup watches_;
};

}  // namespace cove::runner
