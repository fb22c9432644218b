#include "async/deadline.h"
#include "control/impl.h"
#include "control/rows.h"
#include "log/log.h"

namespace cove::control {
namespace {

constexpr seconds kAskDeadline{3};
// A toolbox that does not answer may be busy with what runs; one that never does is none.
constexpr int kUnansweredMax = 12;
constexpr int64_t kMinute = 60'000'000;  // microseconds

bool IsDue(WallTime since, int minutes, WallTime now) {
  return now.micros - since.micros >= int64_t{minutes} * kMinute;
}

}  // namespace

void Sandboxes::Impl::Run() {
  pool_.Run();
  ArrangePool();
  tasks_.Spawn(CheckForEver());
  if (settings_.images == Settings::Images::kBorrowed) return;
  tasks_.Spawn([](Impl* self) -> Task<void> {
    auto host = co_await self->EnsureHostImage({});
    if (!host.ok()) log::Error("image.host_failed", {{"error", host.error().message()}});
    co_await self->CollectImages();  // those that a killed front left without a row
  }(this));
}

Task<void> Sandboxes::Impl::CheckForEver() {
  for (;;) {
    co_await async::Sleep(settings_.check_period);
    CheckTimes(deps_.wall());
    if (auto flushed = co_await Flush(); !flushed.ok()) {
      log::Error("sandbox.activity_not_saved", {{"error", flushed.error().message()}});
    }
  }
}

void Sandboxes::Impl::CheckTimes(WallTime now) {
  for (const auto& [id, entry] : entries_) {
    const Sandbox& s = entry->sandbox;
    if (entry->turnstile.busy() || timed_.contains(id)) continue;
    const Intervals& i = s.intervals;
    const bool expired = i.ttl > 0 && IsDue(s.ttl_since, i.ttl, now);
    const bool left =
        s.state == State::kStopped && i.auto_delete > 0 && IsDue(s.state_since, i.auto_delete, now);
    const bool undeleted = s.state == State::kError && s.desired == Desired::kDestroyed;
    if (expired || left || undeleted) {
      timed_.insert(id);
      tasks_.Spawn(DeleteDue(entry));
    } else if (s.state == State::kStarted && i.auto_stop > 0 &&
               IsDue(s.last_activity_at, i.auto_stop, now)) {
      timed_.insert(id);
      tasks_.Spawn(ActIfIdle(entry, WhenIdle::kStop));
    } else if (s.state == State::kStarted && i.auto_pause > 0 &&
               IsDue(s.last_activity_at, i.auto_pause, now)) {
      timed_.insert(id);
      tasks_.Spawn(ActIfIdle(entry, WhenIdle::kPause));
    }
  }
}

// Use of the API counts as activity when it happens; a command that still runs, here.
Task<void> Sandboxes::Impl::ActIfIdle(EntryPtr entry, WhenIdle what) {
  const SandboxId id = entry->sandbox.id;
  if (settings_.activity.contains(Activity::kCommand)) {
    auto running =
        co_await async::WithDeadline(deps_.toolbox->Running(entry->toolbox_socket),
                                     Now() + kAskDeadline, "asking the sandbox what runs in it");
    entry->unanswered = running.ok() ? 0 : entry->unanswered + 1;
    if (running.ok() && *running > 0) Touch(id, Activity::kCommand);
    if (!running.ok() && entry->unanswered < kUnansweredMax) {
      log::Warn("sandbox.idle_unknown",
                {{"sandbox", id.value}, {"error", running.error().message()}});
      timed_.erase(id);
      co_return;
    }
  }
  entry->unanswered = 0;
  const Intervals& i = entry->sandbox.intervals;
  const int minutes = what == WhenIdle::kStop ? i.auto_stop : i.auto_pause;
  if (minutes > 0 && entry->sandbox.state == State::kStarted &&
      IsDue(entry->sandbox.last_activity_at, minutes, deps_.wall())) {
    log::Info("sandbox.idle", {{"sandbox", id.value}});
    Result<Sandbox> done = Error(Code::kInternal, "unset");
    if (what == WhenIdle::kStop) {
      done = co_await RunStop(entry, StopMode::kGraceful);
    } else {
      done = co_await RunPause(entry);
    }
    if (!done.ok()) {
      log::Warn(what == WhenIdle::kStop ? "sandbox.auto_stop_failed" : "sandbox.auto_pause_failed",
                {{"sandbox", id.value}, {"error", done.error().message()}});
    }
  }
  timed_.erase(id);
}

Task<void> Sandboxes::Impl::DeleteDue(EntryPtr entry) {
  const SandboxId id = entry->sandbox.id;
  log::Info("sandbox.due", {{"sandbox", id.value}});
  auto deleted = co_await RunDelete(entry);
  if (!deleted.ok()) {
    log::Warn("sandbox.auto_delete_failed",
              {{"sandbox", id.value}, {"error", deleted.error().message()}});
  }
  timed_.erase(id);
}

Task<Result<void>> Sandboxes::Impl::Flush() {
  struct Used {
    SandboxId id;
    WallTime when;
    uint64_t oom_kills;
  };
  std::vector<Used> changed;
  for (const auto& [id, entry] : entries_) {
    if (std::exchange(entry->activity_changed, false)) {
      changed.push_back({id, entry->sandbox.last_activity_at, entry->sandbox.oom_kills});
    }
  }
  std::vector<Snapshot> used;
  for (const std::string& id : std::exchange(used_snapshots_, {})) {
    if (auto it = snapshots_.find(id); it != snapshots_.end()) used.push_back(it->second);
  }
  if (changed.empty() && used.empty()) co_return Ok();
  co_return co_await deps_.store->Write(
      [changed, used](store::Db& db) -> Result<void> {
        for (const Snapshot& row : used) RETURN_IF_ERROR(SaveSnapshot(db, row));
        for (const Used& u : changed) {
          RETURN_IF_ERROR(SaveActivity(db, u.id, u.when, u.oom_kills));
        }
        return Ok();
      },
      store::Durability::kProcess);
}

}  // namespace cove::control
