#include "async/deadline.h"
#include "base/text.h"
#include "control/impl.h"
#include "control/rows.h"
#include "identity/previews.h"
#include "log/log.h"

namespace cove::control {

Task<Result<Sandbox>> Sandboxes::Impl::Start(SandboxId id) {
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const Background<Sandbox> work(tasks_, RunStart(entry));
  co_return co_await work.Wait();
}

Task<Result<Sandbox>> Sandboxes::Impl::Stop(SandboxId id, StopMode mode) {
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const Background<Sandbox> work(tasks_, RunStop(entry, mode));
  co_return co_await work.Wait();
}

Task<Result<Sandbox>> Sandboxes::Impl::Delete(SandboxId id) {
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const Background<Sandbox> work(tasks_, RunDelete(entry));
  co_return co_await work.Wait();
}

namespace {

Error Deleted(const SandboxId& id) {
  return Error(Code::kNotFound, "sandbox '" + id.value + "' has been deleted");
}

}  // namespace

Task<Result<Sandbox>> Sandboxes::Impl::RunStart(EntryPtr entry) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return Deleted(entry->sandbox.id);
  co_return co_await StartHeld(entry);
}

Task<Result<Sandbox>> Sandboxes::Impl::StartHeld(EntryPtr entry) {
  const SandboxId id = entry->sandbox.id;
  const bool failed = entry->sandbox.state == State::kError;
  if (entry->sandbox.state == State::kStarted) co_return entry->sandbox;
  if (entry->sandbox.desired == Desired::kDestroyed) {
    co_return Error(Code::kConflict, "the sandbox is being deleted");
  }
  if (entry->sandbox.state == State::kPaused) co_return co_await ResumeHeld(entry);
  Wanted wanted;
  wanted.sandboxes = 0;
  wanted.memory_gib = entry->sandbox.resources.memory_gib;
  CO_RETURN_IF_ERROR(Admit(wanted, promises_.now(), settings_, deps_.machine()));
  pool_.NoteRequest();
  PoolGivesWay(wanted);
  Sandbox next = With(entry, State::kStarting, Desired::kStarted);
  next.preview_generation = RandomHex(16);
  entry->sandbox.oom_kills = 0;
  CO_RETURN_IF_ERROR(co_await Save(entry, std::move(next)));

  // One that failed may be half alive: it starts from a known state.
  if (failed) (void)co_await deps_.runner->StopBox(id, milliseconds(0));
  auto box = co_await async::WithDeadline(deps_.runner->StartBox(id),
                                          Now() + settings_.start_deadline, "starting the sandbox");
  Result<void> up = Ok();
  if (box.ok()) {
    up = co_await BringUp(entry, std::move(*box));
  } else {
    up = std::move(box).error();
  }
  if (!up) {
    log::Warn("sandbox.start_failed", {{"sandbox", id.value}, {"error", up.error().message()}});
    (void)co_await deps_.runner->StopBox(id, milliseconds(0));
    co_await SaveSeen(entry, With(entry, State::kError, up.error().message()));
    co_return std::move(up).error().Wrap("start sandbox " + entry->sandbox.name);
  }
  co_await SaveSeen(entry, With(entry, State::kStarted));
  log::Info("sandbox.started", {{"sandbox", id.value}});
  co_return entry->sandbox;
}

Task<Result<Sandbox>> Sandboxes::Impl::RunStop(EntryPtr entry, StopMode mode) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return Deleted(entry->sandbox.id);
  co_return co_await StopHeld(entry, mode);
}

Task<Result<Sandbox>> Sandboxes::Impl::StopHeld(EntryPtr entry, StopMode mode) {
  const SandboxId id = entry->sandbox.id;
  if (entry->sandbox.desired == Desired::kDestroyed) {
    co_return Error(Code::kConflict, "the sandbox is being deleted");
  }
  if (entry->sandbox.intervals.auto_delete == 0) co_return co_await DeleteHeld(entry);
  if (entry->sandbox.state == State::kStopped) co_return entry->sandbox;
  CO_RETURN_IF_ERROR(co_await Save(entry, With(entry, State::kStopping, Desired::kStopped)));
  const milliseconds grace = mode == StopMode::kForce ? milliseconds(0) : settings_.stop_grace;
  auto stopped = co_await deps_.runner->StopBox(id, grace);
  // The door stays open until the end: programs may want to say goodbye.
  TakeDown(entry);
  if (!stopped.ok() && stopped.error().code() != Code::kNotFound) {
    co_await SaveSeen(entry, With(entry, State::kError, stopped.error().message()));
    co_return std::move(stopped).error().Wrap("stop sandbox " + entry->sandbox.name);
  }
  co_await SaveSeen(entry, With(entry, State::kStopped));
  log::Info("sandbox.stopped", {{"sandbox", id.value}});
  co_return entry->sandbox;
}

Task<Result<Sandbox>> Sandboxes::Impl::RunDelete(EntryPtr entry) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return entry->sandbox;
  co_return co_await DeleteHeld(entry);
}

// The row that says "to be destroyed" outlives a killed front before the box goes, and is on its
// way to the disk meanwhile; only the answer waits for both. A power cut in between may bring the
// sandbox back without its box, which its state then says. The row's own end needs no fsync: one
// that comes back after a power cut is deleted again.
Task<Result<Sandbox>> Sandboxes::Impl::DeleteHeld(EntryPtr entry) {
  const SandboxId id = entry->sandbox.id;
  const ImageId image = entry->sandbox.image;
  CO_RETURN_IF_ERROR(co_await Save(entry, With(entry, State::kDestroying, Desired::kDestroyed)));
  const Background<void> flushed(tasks_, deps_.store->Flush());
  TakeDown(entry);
  Result<void> deleted = co_await deps_.runner->DeleteBox(id);
  if (!deleted.ok() && deleted.error().code() == Code::kNotFound) deleted = Ok();
  if (auto durable = co_await flushed.Wait(); deleted.ok()) deleted = std::move(durable);
  if (deleted.ok()) {
    deleted = co_await deps_.store->Write([id](store::Db& db) { return DeleteSandboxRow(db, id); },
                                          store::Durability::kProcess);
  }
  if (!deleted.ok()) {  // a timer tries again
    Sandbox next = With(entry, State::kError, Desired::kDestroyed);
    next.error_reason = "it could not be deleted yet: " + deleted.error().message();
    co_await SaveSeen(entry, std::move(next));
    co_return std::move(deleted).error().Wrap("delete sandbox " + entry->sandbox.name);
  }
  Remove(entry);
  Adopt(entry, With(entry, State::kDestroyed, Desired::kDestroyed));
  if (auto forgotten = co_await deps_.previews->Forget(id); !forgotten.ok()) {
    log::Warn("preview.forget_failed", {{"sandbox", id.value}});
  }
  if (!ImageInUse(image)) tasks_.Spawn(CollectImages());
  log::Info("sandbox.deleted", {{"sandbox", id.value}});
  co_return entry->sandbox;
}

}  // namespace cove::control
