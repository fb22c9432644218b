// Recover(): what a new runner makes of what the last one left.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "image/dir.h"
#include "image/store.h"
#include "log/log.h"
#include "runner/boxes.h"
#include "runner/check.h"

namespace cove::runner {
namespace {

void LogFailure(std::string_view event, const SandboxId& id, const Result<void>& result) {
  if (!result) log::Error(event, {{"sandbox", id.value}, {"why", result.error().message()}});
}

// Of this process or machine, and no word on the box.
bool IsShortage(const Error& error) {
  const int code = error.sys_errno();
  return code == EMFILE || code == ENFILE || code == ENOMEM;
}

}  // namespace

// Before anything is touched: in the middle nobody could tell a box from none.
Result<void> Boxes::CheckFilesFor(const std::vector<std::string>& names) const {
  const int boxes = deps_.data.boxes();
  const auto kept = static_cast<size_t>(std::count_if(
      names.begin(), names.end(), [boxes](const auto& name) { return HasSpec(boxes, name); }));
  ASSIGN_OR_RETURN(const proto::Room room, RoomNow());
  if (kept <= room.boxes_by_files) return Ok();
  return Error(Code::kExhausted,
               std::to_string(kept) + " sandboxes are kept here, and the server may hold " +
                   std::to_string(room.files_max) + " open files, enough for " +
                   std::to_string(room.boxes_by_files) + ": raise the limit to at least " +
                   std::to_string(FilesFor(kept)) +
                   " (LimitNOFILE= of the service, ulimit -n) and start it again; they go on, and "
                   "nothing was changed");
}

Task<Result<void>> Boxes::Recover() {
  CO_ASSIGN_OR_RETURN(const auto names, image::SortedNames(deps_.data.boxes()));
  CO_RETURN_IF_ERROR(CheckFilesFor(names));
  if (deps_.images == Deps::Images::kOwn) {
    CO_RETURN_IF_ERROR(image::TrashUnfinished(deps_.data.images(), deps_.data.trash()));
  }
  const auto recorded = RecordedSlots(names);
  for (const std::string& name : names) CO_RETURN_IF_ERROR(co_await RecoverBox(name));
  RemoveStrayDisks();
  co_await RemoveStrangers();
  deps_.jobs.EmptyTrash();
  co_return Ok();
}

// Of all boxes: one that needs another slot must not be given that of a later one, which may run.
std::vector<SlotsInUse::Hold> Boxes::RecordedSlots(const std::vector<std::string>& names) const {
  std::vector<SlotsInUse::Hold> out;
  for (const std::string& name : names) {
    const auto dir = OpenBoxDir(SandboxId(name));
    const auto spec = dir ? ReadSpec(dir->get()) : Result<BoxSpecRecord>(dir.error());
    if (spec && spec->slot < kUidSlotMax) out.emplace_back(slots_, spec->slot);
  }
  return out;
}

// Fails where it cannot know what a box is: to go on would be to take it for none.
Task<Result<void>> Boxes::RecoverBox(std::string name) {
  const SandboxId id(name);
  const auto opened = OpenBoxDir(id);
  const int dir = opened ? opened->get() : -1;
  auto spec = opened ? ReadSpec(dir) : Result<BoxSpecRecord>(opened.error());
  if (!spec && IsShortage(spec.error())) co_return std::move(spec).error();
  if (opened && !spec && spec.error().code() == Code::kNotFound) {
    // It was never complete: whoever asked for it got no answer. RemoveStrangers() ends what runs.
    auto box = std::make_shared<Box>();
    box->spec.id = id;
    box->dead.Set();
    box->ended.Set();
    Trash(box);
    co_return Ok();
  }
  const bool sound = spec && spec->id == id && spec->slot < kUidSlotMax;
  if (!sound || !CheckSandboxId(id)) {
    // Not ours to throw away: files that somebody relies on may be in it.
    log::Error("box.damaged",
               {{"directory", deps_.data.box_path(id)},
                {"why", spec ? "another id or a slot that is none" : spec.error().message()}});
    co_return Ok();
  }
  auto box = std::make_shared<Box>();
  box->spec = *std::move(spec);
  box->slot = SlotsInUse::Hold(slots_, box->spec.slot);
  box->dead.Set();
  box->ended.Set();
  boxes_[id] = box;
  const auto run = ReadRun(dir);
  if (!run && IsShortage(run.error())) co_return run.error();
  if (run && run->boot_id == boot_id_) {
    auto adopted = deps_.driver.Adopt(id, run->pid, run->start_time);
    if (adopted) {
      box->running.emplace(*std::move(adopted));
      const auto paused = deps_.driver.IsPaused(id);
      box->paused = paused.ok() && *paused;
      if (const auto kills = deps_.driver.OomKills(id)) box->oom_kills = *kills;
      box->dead.Reset();
      box->ended.Reset();
      watches_.Spawn(Watch(box));
      // A change of them may have been cut short.
      LogFailure("box.uids_shared", id, deps_.uids.Keep(box->spec.slot));
      LogFailure("box.limits_stay", id, Apply(*box, box->spec.limits));
      log::Info("box.adopted", {{"sandbox", id.value}, {"pid", run->pid}});
      co_return Ok();
    }
    if (IsShortage(adopted.error())) co_return std::move(adopted).error();
    if (adopted.error().code() != Code::kGone) {
      log::Error("box.not_adopted", {{"sandbox", id.value}, {"why", adopted.error().message()}});
    }
  }
  // No record, or one of a process that is gone or cannot be served: nothing of it may run on.
  LogFailure("box.kill_failed", id, deps_.driver.KillUnrecorded(id));
  co_await ClearRuntime(id);
  LogFailure("box.uids_shared", id, KeepSlot(box, dir));
  co_return Ok();
}

// Owners on disk do not depend on the range, so a box that does not run can have another.
Result<void> Boxes::KeepSlot(const BoxPtr& box, int dir) {
  if (deps_.uids.Keep(box->spec.slot)) return Ok();
  RETURN_IF_ERROR(TakeFreeSlot(*box));
  return WriteSpec(dir, box->spec);
}

// Of boxes whose removal was cut short. One whose record is there, even damaged, is somebody's.
void Boxes::RemoveStrayDisks() {
  const auto disks = deps_.disk.List();
  if (!disks) {
    log::Error("disks.unreadable", {{"why", disks.error().message()}});
    return;
  }
  for (const SandboxId& id : *disks) {
    const auto record = OpenBoxDir(id);
    if (!record && record.error().sys_errno() == ENOENT)
      LogFailure("box.not_removed", id, deps_.disk.Remove(id));
  }
}

// Cgroups and sockets that belong to no box.
Task<void> Boxes::RemoveStrangers() {
  auto groups = deps_.driver.ListCgroups();
  if (!groups) {
    log::Error("cgroups.unreadable", {{"why", groups.error().message()}});
  } else {
    for (const SandboxId& id : *groups) {
      const auto it = boxes_.find(id);
      if (it != boxes_.end() && it->second->running) continue;
      log::Warn("box.stranger_removed", {{"sandbox", id.value}});
      LogFailure("box.kill_failed", id, deps_.driver.KillUnrecorded(id));
      const auto removed = co_await deps_.driver.RemoveCgroups(id, Now() + seconds(5));
      LogFailure("box.cgroups_stay", id, removed);
    }
  }
  const auto sockets = image::SortedNames(deps_.data.run());
  if (!sockets) co_return;
  for (const std::string& name : *sockets) {
    constexpr std::string_view kPrefix = "box-";
    constexpr std::string_view kSuffix = ".sock";
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const SandboxId id(name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
    const auto it = boxes_.find(id);
    if (it == boxes_.end() || !it->second->running) unlinkat(deps_.data.run(), name.c_str(), 0);
  }
}

}  // namespace cove::runner
