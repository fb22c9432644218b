#include "runner/boxes.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "async/deadline.h"
#include "base/text.h"
#include "image/dir.h"
#include "image/store.h"
#include "log/log.h"
#include "proto/boot.h"
#include "runner/check.h"

namespace cove::runner {
namespace {

// An overlay makes a directory when it is mounted. In a box whose disk is full it could not, and
// nobody could remove a file there any more: so its limit is wider while it starts, when nothing of
// its user's runs.
class StartRoom {
 public:
  StartRoom(Disk& disk, const BoxSpecRecord& spec)
      : disk_(disk), id_(spec.id), bytes_(spec.limits.disk_bytes) {
    if (bytes_ != 0) Set(bytes_ + kBytes);
  }
  ~StartRoom() {
    if (bytes_ != 0) Set(bytes_);
  }
  StartRoom(const StartRoom&) = delete;
  StartRoom& operator=(const StartRoom&) = delete;

 private:
  static constexpr uint64_t kBytes = uint64_t{16} << 20;
  void Set(uint64_t bytes) {
    if (auto set = disk_.Make(id_, bytes); !set) {
      log::Error("box.disk_limit", {{"sandbox", id_.value}, {"why", set.error().message()}});
    }
  }
  Disk& disk_;
  SandboxId id_;
  uint64_t bytes_;
};

constexpr milliseconds kKillWait{10'000};
constexpr milliseconds kCgroupWait{5'000};

Result<UniqueFd> Duplicate(const UniqueFd& fd) {
  UniqueFd copy(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return Error::FromErrno("duplicate a socket");
  return copy;
}

Error NotHere(const SandboxId& id) {
  return {Code::kNotFound, "the runner has no box " + id.value};
}

bool Contains(const std::vector<ImageId>& list, const ImageId& id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

}  // namespace

Boxes::Boxes(Deps deps) : deps_(std::move(deps)), boot_id_(BootId()) {}
Boxes::~Boxes() = default;

Result<Boxes::BoxPtr> Boxes::Find(const SandboxId& id) const {
  const auto it = boxes_.find(id);
  if (it == boxes_.end() || it->second->deleting) return NotHere(id);
  return it->second;
}

Result<UniqueFd> Boxes::OpenBoxDir(const SandboxId& id) const {
  return image::OpenDir(deps_.data.boxes(), id.value);
}

// The lowest one that no kept box has: slots of deleted boxes come back at once, because their
// processes are gone and the owners of what they left are canonical.
Result<void> Boxes::TakeFreeSlot(Box& box) {
  ASSIGN_OR_RETURN(box.spec.slot, deps_.uids.FreeSlot(slots_));
  box.slot = SlotsInUse::Hold(slots_, box.spec.slot);
  return Ok();
}

Result<Attached> Boxes::AttachTo(const Box& box) const {
  if (!box.running) {
    return Error(Code::kConflict, "box " + box.spec.id.value + " does not run; start it first");
  }
  Attached out;
  out.info.id = box.spec.id;
  out.info.toolbox_socket = deps_.data.socket_path(box.spec.id);
  out.info.tcp_port = proto::boot::kTcpPort;
  const sandbox::BoxSockets& s = box.running->sockets;
  for (const UniqueFd* fd : {&s.tcp4, &s.tcp6, &s.dns_udp, &s.dns_tcp}) {
    ASSIGN_OR_RETURN(UniqueFd copy, Duplicate(*fd));
    out.sockets.push_back(std::move(copy));
  }
  return out;
}

Task<Result<Attached>> Boxes::Create(proto::runner::BoxCreate request) {
  // A claimed box that failed is made anew under its id.
  while (leaving_.contains(request.id)) {
    const BoxPtr old = leaving_.at(request.id);
    co_await old->left.Wait();
  }
  if (boxes_.contains(request.id)) {
    co_return Error(Code::kConflict, "box " + request.id.value + " exists already");
  }
  CO_RETURN_IF_ERROR(CheckRoom());
  CO_RETURN_IF_ERROR(image::ReadImage(deps_.data.images(), request.image));
  auto box = std::make_shared<Box>();
  CO_RETURN_IF_ERROR(TakeFreeSlot(*box));
  box->spec.id = request.id;
  box->spec.image = request.image;
  box->spec.limits = request.limits;
  box->spec.hostname = request.hostname;
  box->spec.profile = request.profile;
  // One that is there already, though not in our list, is damaged: somebody's all the same.
  CO_RETURN_IF_ERROR(image::MakeDir(deps_.data.boxes(), request.id.value, 0700));
  box->dead.Set();
  box->ended.Set();
  boxes_[request.id] = box;
  const auto mine = co_await box->turn.Take();
  Result<void> made = MakeFiles(box->spec);
  if (made) made = co_await Run(box, Recorded::kNotYet);
  if (!made) {
    Trash(box);
    co_return std::move(made).error().Wrap("create the sandbox");
  }
  co_return AttachTo(*box);
}

// Never on what another box has left: it may have prepared names for us.
Result<void> Boxes::MakeFiles(const BoxSpecRecord& spec) {
  RETURN_IF_ERROR(deps_.disk.Remove(spec.id));
  return MakeDisk(spec);
}

Result<void> Boxes::MakeDisk(const BoxSpecRecord& spec) {
  const std::string files = deps_.disk.path(spec.id);
  RETURN_IF_ERROR(deps_.disk.Make(spec.id, spec.limits.disk_bytes));
  return sandbox::PrepareBoxDir(files, spec.hostname);
}

Result<void> Boxes::Record(const BoxSpecRecord& spec, Recorded recorded, pid_t pid,
                           uint64_t start_time) const {
  ASSIGN_OR_RETURN(const UniqueFd dir, OpenBoxDir(spec.id));
  if (recorded == Recorded::kNotYet) RETURN_IF_ERROR(WriteSpec(dir.get(), spec));
  BoxRunRecord run;
  run.pid = pid;
  run.start_time = start_time;
  run.boot_id = boot_id_;
  return WriteRun(dir.get(), run);
}

// A box is recorded while its first process builds its root. What a killed runner started before
// the record is no box, and the next runner ends it; so does that process itself.
Task<Result<void>> Boxes::Run(BoxPtr box, Recorded recorded) {
  const SandboxId id = box->spec.id;
  CO_ASSIGN_OR_RETURN(const auto info, image::ReadImage(deps_.data.images(), box->spec.image));
  // The disk commits a new directory later than the record of it is safe. A power cut between the
  // two takes nothing that was confirmed: a file that is synced takes its directory along.
  if (access((deps_.disk.path(id) + "/state").c_str(), F_OK) != 0) {
    if (recorded == Recorded::kAlready) log::Warn("box.disk_made_anew", {{"sandbox", id.value}});
    CO_RETURN_IF_ERROR(MakeDisk(box->spec));
  }
  sandbox::BoxSpec spec;
  spec.id = id;
  for (const ImageId& layer : info.layers) spec.layers.push_back(deps_.data.layer_path(layer));
  spec.box_dir = deps_.disk.path(id);
  spec.uid_base = UidBase(box->spec.slot);
  spec.limits = box->spec.limits;
  spec.hostname = box->spec.hostname;
  spec.profile = box->spec.profile;
  spec.socket_path = deps_.data.socket_path(id);
  spec.socket_gid = kFrontUid;
  spec.shares = deps_.shares.ForBox();
  spec.record = [this, box, recorded](pid_t pid, uint64_t start_time) {
    return Record(box->spec, recorded, pid, start_time);
  };
  std::optional<StartRoom> start_room;
  if (recorded == Recorded::kAlready) start_room.emplace(deps_.disk, box->spec);
  auto started = co_await deps_.driver.Start(std::move(spec));
  start_room.reset();
  if (!started) {
    co_await ClearRuntime(id);
    co_return std::move(started).error();
  }
  box->running.emplace(*std::move(started));
  box->oom_kills = box->host_kills = 0;
  box->dead.Reset();
  box->ended.Reset();
  watches_.Spawn(Watch(box));
  runs_.NotifyAll();
  log::Info("box.started", {{"sandbox", id.value}, {"pid", box->running ? box->running->pid : 0}});
  co_return Ok();
}

// Lives as long as the box runs, and leaves nothing of its run behind.
Task<void> Boxes::Watch(BoxPtr box) {
  sandbox::BoxExit exit;
  {
    async::TaskGroup oom;
    oom.Spawn(WatchOom(box));
    exit = co_await deps_.driver.WaitExit(*box->running);
  }
  proto::runner::BoxExited event;
  event.id = box->spec.id;
  event.known = exit.known;
  event.status = exit.status;
  event.oom_kills = exit.oom_kills + box->host_kills;
  // Every copy of the listeners goes, or the network namespace would stay.
  box->running.reset();
  box->paused = false;
  box->reclaim.Clear();
  box->dead.Set();
  co_await ClearRuntime(box->spec.id);
  log::Info("box.ended", {{"sandbox", event.id.value},
                          {"status", event.known ? event.status : -1},
                          {"oom_kills", event.oom_kills}});
  if (deps_.on_exited) deps_.on_exited(event);
  box->ended.Set();
}

// The socket, the cgroups and the record of a run that is over.
Task<void> Boxes::ClearRuntime(SandboxId id) {
  unlinkat(deps_.data.run(), ("box-" + id.value + ".sock").c_str(), 0);
  if (const auto dir = OpenBoxDir(id)) {
    if (auto gone = RemoveRun(dir->get()); !gone) {
      log::Warn("box.record_stays", {{"sandbox", id.value}, {"why", gone.error().message()}});
    }
  }
  auto removed = co_await deps_.driver.RemoveCgroups(id, Now() + kCgroupWait);
  if (!removed) {
    log::Warn("box.cgroups_stay", {{"sandbox", id.value}, {"why", removed.error().message()}});
  }
}

Task<Result<Attached>> Boxes::Start(SandboxId id) {
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  CO_RETURN_IF_ERROR(Find(id));
  // Its end may be known to the kernel and not yet cleared here.
  if (!box->running) {
    co_await box->ended.Wait();
    auto run = co_await Run(box, Recorded::kAlready);
    if (!run) co_return std::move(run).error().Wrap("start the sandbox");
  }
  co_return AttachTo(*box);
}

Task<Result<Attached>> Boxes::Attach(SandboxId id) {
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  co_return AttachTo(*box);
}

Task<Result<void>> Boxes::Stop(SandboxId id, milliseconds grace) {
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  if (box->running && grace.count() > 0 && !box->deleting) {
    // Frozen it could not hear the request.
    if (auto thawed = Thaw(box); !thawed) {
      log::Warn("box.not_thawed", {{"sandbox", id.value}, {"why", thawed.error().message()}});
    }
    // PID 1 takes it as a request to end everything inside in good order.
    syscall(SYS_pidfd_send_signal, box->running->pidfd.get(), SIGTERM, nullptr, 0);
    const TimePoint until = Now() + grace;
    while (!box->ended.is_set() && !box->deleting && Now() < until) {
      co_await box->ended.Wait(std::min(until, Now() + milliseconds(100)));
    }
  }
  CO_RETURN_IF_ERROR(co_await Kill(box));
  co_await box->ended.Wait();
  co_return Ok();
}

Task<Result<void>> Boxes::Kill(BoxPtr box) {
  if (box->dead.is_set()) co_return Ok();
  if (box->running) CO_RETURN_IF_ERROR(deps_.driver.Kill(*box->running));
  if (!co_await box->dead.Wait(Now() + kKillWait)) {
    co_return Error(Code::kTimeout, "the processes of box " + box->spec.id.value +
                                        " did not end within 10 s of SIGKILL; try again");
  }
  co_return Ok();
}

// Answered once nothing of it lives and it is out of sight. Its cgroups, mounts and files go
// behind; what a killed runner leaves of them, the next one removes.
Task<Result<void>> Boxes::Delete(SandboxId id) {
  const auto it = boxes_.find(id);
  if (it == boxes_.end()) co_return NotHere(id);
  const BoxPtr box = it->second;
  box->deleting = true;  // a graceful stop that is under way waits no longer
  const auto mine = co_await box->turn.Take();
  // Another one that was under way may have done it; if it failed, this one tries again.
  const auto now = boxes_.find(id);
  if (now == boxes_.end() || now->second != box) co_return Ok();
  box->deleting = true;
  auto killed = co_await Kill(box);
  if (!killed) {
    box->deleting = false;
    co_return std::move(killed).error();
  }
  Trash(box);
  log::Info("box.deleted", {{"sandbox", id.value}});
  co_return Ok();
}

// Out of sight at once; what it took comes back behind.
void Boxes::Trash(const BoxPtr& box) {
  const SandboxId id = box->spec.id;
  boxes_.erase(id);
  leaving_[id] = box;
  const auto dir = OpenBoxDir(id);
  auto gone = dir ? RemoveSpec(dir->get()) : Result<void>(dir.error());
  if (!gone && gone.error().code() != Code::kNotFound) {
    log::Error("box.not_removed", {{"sandbox", id.value}, {"why", gone.error().message()}});
  }
  watches_.Spawn(Leave(box));
}

Task<void> Boxes::Leave(BoxPtr box) {
  co_await async::Yield();  // the answer goes first
  co_await box->dead.Wait();
  box->slot = {};
  co_await box->ended.Wait();
  const SandboxId id = box->spec.id;
  auto removed = deps_.disk.Remove(id);
  // Last, so that what a killed runner leaves of the disk still has its name here.
  if (removed && unlinkat(deps_.data.boxes(), id.value.c_str(), AT_REMOVEDIR) != 0 &&
      errno != ENOENT) {
    removed = Error::FromErrno("remove " + deps_.data.box_path(id));
  }
  if (!removed) {
    log::Error("box.not_removed", {{"sandbox", id.value}, {"why", removed.error().message()}});
  }
  leaving_.erase(id);
  box->left.Set();
}

Task<void> Boxes::DrainLeaving(TimePoint deadline) {
  while (!leaving_.empty()) {
    const BoxPtr box = leaving_.begin()->second;
    if (!co_await box->left.Wait(deadline)) co_return;
  }
}

Task<Result<proto::runner::ImageInfo>> Boxes::Snapshot(SandboxId id, Jobs::Progress progress) {
  CO_RETURN_IF_ERROR(CheckOwnImages());
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  CO_RETURN_IF_ERROR(Find(id));
  if (!box->ended.is_set()) {
    co_return Error(Code::kConflict, "box " + id.value + " runs; stop it before a snapshot");
  }
  CO_ASSIGN_OR_RETURN(const auto base, image::ReadImage(deps_.data.images(), box->spec.image));
  CO_ASSIGN_OR_RETURN(const UniqueFd dir, image::OpenDirPath(deps_.disk.path(id)));
  CO_ASSIGN_OR_RETURN(UniqueFd upper, image::OpenDir(dir.get(), "upper"));
  co_return co_await deps_.jobs.Snapshot(std::move(upper), base.layers, std::move(progress));
}

std::vector<proto::runner::BoxInfo> Boxes::List() const {
  std::vector<proto::runner::BoxInfo> out;
  for (const auto& [id, box] : boxes_) {
    proto::runner::BoxInfo info;
    info.id = id;
    info.image = box->spec.image;
    info.limits = box->spec.limits;
    info.oom_kills = box->kills();
    if (box->running) {
      info.state =
          box->paused ? proto::runner::BoxState::kPaused : proto::runner::BoxState::kRunning;
    }
    out.push_back(std::move(info));
  }
  return out;
}

// All at once: one that takes its time holds up no other.
Task<void> Boxes::DeleteAll(TimePoint deadline) {
  async::TaskGroup each;
  for (const auto& [id, box] : boxes_) each.Spawn(DeleteBy(id, deadline));
  co_await each.Join();
}

Task<void> Boxes::DeleteBy(SandboxId id, TimePoint deadline) {
  auto deleted = co_await async::WithDeadline(Delete(id), deadline, "its removal");
  if (!deleted && deleted.error().code() != Code::kNotFound) {
    log::Error("box.stays", {{"sandbox", id.value}, {"why", deleted.error().message()}});
  }
}

Result<void> Boxes::CheckOwnImages() const {
  if (deps_.images == Deps::Images::kOwn) return Ok();
  return Error(Code::kDenied,
               "this server uses the images of another (--images); make and remove "
               "them there");
}

Result<void> Boxes::DeleteImage(const ImageId& id) {
  RETURN_IF_ERROR(CheckOwnImages());
  RETURN_IF_ERROR(image::ReadImage(deps_.data.images(), id));
  ASSIGN_OR_RETURN(const auto images, image::ListImages(deps_.data.images()));
  for (const auto& other : images) {
    if (!Contains(other.layers, id)) continue;
    if (other.id != id) {
      return Error(Code::kConflict, "image " + id.value + " is a layer of image " + other.id.value);
    }
  }
  for (const auto& [box_id, box] : boxes_) {
    if (box->spec.image == id) {
      return Error(Code::kConflict, "sandbox " + box_id.value + " uses image " + id.value);
    }
  }
  RETURN_IF_ERROR(image::TrashImage(deps_.data.images(), id, deps_.data.trash()));
  deps_.jobs.EmptyTrash();
  return Ok();
}

}  // namespace cove::runner
