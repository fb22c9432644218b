#include <sys/wait.h>

#include "async/deadline.h"
#include "control/impl.h"
#include "log/log.h"

namespace cove::control {
namespace {

using proto::runner::BoxState;

constexpr seconds kListDeadline{10};

std::string HowItEnded(const proto::runner::BoxExited& event) {
  if (!event.known) return "it ended while nobody was there to see how";
  if (WIFSIGNALED(event.status)) {
    return "its first process was ended by signal " + std::to_string(WTERMSIG(event.status));
  }
  return "it ended by itself with code " + std::to_string(WEXITSTATUS(event.status));
}

}  // namespace

Task<Result<RecoverReport>> Sandboxes::Impl::Recover() {
  auto boxes = co_await async::WithDeadline(deps_.runner->ListBoxes(), Now() + kListDeadline,
                                            "listing the runner's sandboxes");
  if (!boxes) co_return std::move(boxes).error();
  std::unordered_map<SandboxId, BoxState> seen;
  for (const auto& box : *boxes) {
    seen[box.id] = box.state;
    if (box.state != BoxState::kStopped) OnBoxOom({box.id, box.oom_kills});
  }

  RecoverReport report;
  std::vector<std::pair<EntryPtr, Background<void>>> adoptions;
  for (const auto& [id, entry] : std::unordered_map(entries_)) {
    auto it = seen.find(id);
    const auto box = it == seen.end() ? std::nullopt : std::optional(it->second);
    const State state = entry->sandbox.state;
    const bool alive = box == BoxState::kRunning || box == BoxState::kPaused;
    if ((state == State::kStarted && box == BoxState::kRunning) ||
        (state == State::kPaused && box == BoxState::kPaused)) {
      adoptions.emplace_back(entry, Background<void>(tasks_, AdoptRunning(entry)));
    } else if (!alive && (state == State::kStarted || state == State::kPaused ||
                          state == State::kPausing || state == State::kResuming)) {
      Sandbox next = With(entry, box ? State::kStopped : State::kError,
                          box ? "it ended while Cove was down" : "its files are gone");
      next.last_activity_at = entry->sandbox.last_activity_at;
      if (state != State::kStarted) next.desired = Desired::kStopped;
      co_await SaveSeen(entry, std::move(next));
      ++report.stopped;
    } else if (state != State::kStopped || alive) {
      if (state == State::kError && !alive && entry->sandbox.desired != Desired::kDestroyed) {
        continue;
      }
      tasks_.Spawn(Resume(entry, box));
      ++report.finished;
    }
  }
  for (const auto& [id, snapshot] : std::map(snapshots_)) {
    if (snapshot.state == SnapshotState::kCreating) (void)co_await DropSnapshotRow(id);
  }
  for (const auto& box : *boxes) {
    if (entries_.contains(box.id)) continue;
    tasks_.Spawn(RemoveOrphan(box.id));
    ++report.removed;
  }
  for (const auto& [entry, adoption] : adoptions) {
    (co_await adoption.Wait()).ok() ? ++report.adopted : ++report.stopped;
  }
  co_return report;
}

Task<Result<void>> Sandboxes::Impl::AdoptRunning(EntryPtr entry) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone || entry->attached) co_return Ok();
  co_return co_await AdoptHeld(entry);
}

Task<Result<void>> Sandboxes::Impl::AdoptHeld(EntryPtr entry) {
  auto box = co_await async::WithDeadline(deps_.runner->AttachBox(entry->sandbox.id),
                                          Now() + settings_.start_deadline, "taking it over");
  Result<void> up = Ok();
  if (!box.ok()) {
    up = std::move(box).error();
  } else if (entry->sandbox.state == State::kPaused) {
    up = OpenDoor(entry, std::move(*box));
  } else {
    up = co_await BringUp(entry, std::move(*box));
  }
  if (up.ok()) co_return Ok();
  log::Error("sandbox.adopt_failed",
             {{"sandbox", entry->sandbox.id.value}, {"error", up.error().message()}});
  co_await SaveSeen(entry, With(entry, State::kError,
                                "it runs but could not be taken over: " + up.error().message()));
  co_return up;
}

// Carries on, holding the entry's turn, where the front before this one was cut off.
Task<void> Sandboxes::Impl::Resume(EntryPtr entry, std::optional<BoxState> box) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return;
  const Sandbox& s = entry->sandbox;
  log::Info("sandbox.resume", {{"sandbox", s.id.value},
                               {"state", StateName(s.state)},
                               {"desired", DesiredName(s.desired)}});
  const bool snapshotting = s.state == State::kSnapshotting;
  Result<Sandbox> outcome = s;
  if (s.desired == Desired::kDestroyed) {
    outcome = co_await DeleteHeld(entry);
  } else if (s.state == State::kCreating) {
    outcome = co_await ResumeCreate(entry, box);
  } else if (s.state == State::kResizing) {
    outcome = co_await FinishResize(entry, box);
  } else if (s.desired == Desired::kPaused && s.state != State::kError) {
    outcome = co_await FinishPause(entry);
  } else if (s.state == State::kResuming || s.state == State::kStarted) {
    outcome = co_await FinishResume(entry);
  } else if (s.desired == Desired::kStarted && s.state != State::kError) {
    // starting, or snapshotting one that was started
    if (box && *box != BoxState::kStopped) {
      (void)co_await deps_.runner->StopBox(s.id, milliseconds(0));
    }
    outcome = co_await StartHeld(entry);
  } else {
    // stopping; stopped, snapshotting or failed and yet running
    Sandbox next = With(entry, State::kStopping, Desired::kStopped);
    co_await SaveSeen(entry, std::move(next));
    outcome = co_await StopHeld(entry, StopMode::kGraceful);
  }
  if (!outcome.ok()) {
    if (!entry->gone && entry->sandbox.state != State::kError) {
      TakeDown(entry);
      co_await SaveSeen(entry, With(entry, State::kError, outcome.error().message()));
    }
    log::Error("sandbox.resume_failed",
               {{"sandbox", entry->sandbox.id.value}, {"error", outcome.error().message()}});
  }
  // Its runner may have completed the image after the front was gone: no row names it.
  if (snapshotting) tasks_.Spawn(CollectImages());
}

// Its creator may have heard nothing, but may look it up by name: it is finished, not undone.
Task<Result<Sandbox>> Sandboxes::Impl::ResumeCreate(EntryPtr entry, std::optional<BoxState> box) {
  const SandboxId id = entry->sandbox.id;
  Result<proto::RunningBox> running = Error(Code::kInternal, "not tried");
  if (box == BoxState::kRunning) {
    running = co_await deps_.runner->AttachBox(id);
  } else if (box == BoxState::kStopped) {
    running = co_await deps_.runner->StartBox(id);
  } else {
    running = co_await deps_.runner->CreateBox(BoxRequest(entry->sandbox));
  }
  Result<void> up = Ok();
  if (running.ok()) {
    up = co_await BringUp(entry, std::move(*running));
  } else {
    up = std::move(running).error();
  }
  if (!up.ok()) {
    co_await Undo(entry);
    co_return std::move(up).error();
  }
  co_await SaveSeen(entry, With(entry, State::kStarted));
  co_return entry->sandbox;
}

Task<void> Sandboxes::Impl::RemoveOrphan(SandboxId id) {
  auto deleted = co_await deps_.runner->DeleteBox(id);
  if (deleted.ok()) {
    log::Warn("box.orphan_removed", {{"box", id.value}});
  } else {
    log::Error("box.orphan_left", {{"box", id.value}, {"error", deleted.error().message()}});
  }
}

void Sandboxes::Impl::OnBoxExited(const proto::runner::BoxExited& event) {
  auto it = entries_.find(event.id);
  if (it != entries_.end()) tasks_.Spawn(RunExited(it->second, event));
  pool_.OnExited(event.id);
}

void Sandboxes::Impl::OnDoorBroken(const SandboxId& id) {
  auto it = entries_.find(id);
  if (it != entries_.end()) tasks_.Spawn(RunDoorBroken(it->second));
}

// A box that has ended breaks its sockets too; its event deals with that.
Task<void> Sandboxes::Impl::RunDoorBroken(EntryPtr entry) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone || entry->sandbox.state != State::kStarted || !entry->attached) co_return;
  log::Warn("sandbox.door_broken", {{"sandbox", entry->sandbox.id.value}});
  auto box = co_await deps_.runner->AttachBox(entry->sandbox.id);
  if (!box.ok()) co_return;
  TakeDown(entry);
  if (auto up = co_await BringUp(entry, std::move(*box)); !up.ok()) {
    co_await SaveSeen(entry, With(entry, State::kError, up.error().message()));
  }
}

// The end of a box that was being stopped is no news; nor is that of a run before the present one,
// which is why the runner is asked.
Task<void> Sandboxes::Impl::RunExited(EntryPtr entry, proto::runner::BoxExited event) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone ||
      (entry->sandbox.state != State::kStarted && entry->sandbox.state != State::kPaused)) {
    co_return;
  }
  auto boxes = co_await deps_.runner->ListBoxes();
  if (!boxes.ok()) co_return;
  for (const auto& box : *boxes) {
    if (box.id == event.id && box.state != BoxState::kStopped) co_return;
  }
  TakeDown(entry);
  const std::string how = HowItEnded(event);
  log::Warn("sandbox.ended", {{"sandbox", event.id.value}, {"how", how}});
  if (entry->sandbox.intervals.auto_delete == 0) {
    (void)co_await DeleteHeld(entry);
    co_return;
  }
  const bool orderly = event.known && WIFEXITED(event.status) && WEXITSTATUS(event.status) == 0;
  Sandbox next = With(entry, orderly ? State::kStopped : State::kError, how);
  if (orderly) next.desired = Desired::kStopped;
  co_await SaveSeen(entry, std::move(next));
}

void Sandboxes::Impl::OnBoxOom(const proto::runner::BoxOom& event) {
  auto it = entries_.find(event.id);
  if (it == entries_.end() || event.kills <= it->second->sandbox.oom_kills) return;
  Sandbox& s = it->second->sandbox;
  log::Warn("sandbox.oom", {{"sandbox", s.id.value},
                            {"kills", event.kills - s.oom_kills},
                            {"in_this_run", event.kills},
                            {"memory_gib", s.resources.memory_gib}});
  if (deps_.on_oom) deps_.on_oom(s, event.kills - s.oom_kills);
  s.oom_kills = event.kills;
  it->second->activity_changed = true;
}

}  // namespace cove::control
