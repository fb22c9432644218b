#include <algorithm>

#include "control/impl.h"
#include "control/validate.h"
#include "log/log.h"

namespace cove::control {

using proto::runner::BoxState;

Task<Result<Sandbox>> Sandboxes::Impl::Resize(SandboxId id, ResourcesPatch patch) {
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const Background<Sandbox> work(tasks_, RunResize(entry, patch));
  co_return co_await work.Wait();
}

Sandbox Sandboxes::Impl::Resized(const EntryPtr& entry, State state,
                                 const Resources& resources) const {
  Sandbox next = With(entry, state);
  next.resources = resources;
  next.state_since = entry->sandbox.state_since;
  return next;
}

Result<void> Sandboxes::Impl::AdmitResize(const Sandbox& now, const Resources& wanted) {
  if (wanted.disk_gib < now.resources.disk_gib) {
    return Error(Code::kInvalid,
                 "a disk cannot be made smaller: create another sandbox and copy what is needed");
  }
  const MachineFacts machine = deps_.machine();
  RETURN_IF_ERROR(CheckResources(wanted, settings_, machine));
  Wanted more;
  more.sandboxes = 0;
  more.disk_gib = wanted.disk_gib - now.resources.disk_gib;
  // A stopped one is asked for its memory when it starts.
  if (now.state != State::kStopped) {
    more.memory_gib = std::max(0.0, wanted.memory_gib - now.resources.memory_gib);
  }
  if (more.memory_gib <= 0 && more.disk_gib <= 0) return Ok();
  RETURN_IF_ERROR(Admit(more, promises_.now(), settings_, machine));
  PoolGivesWay(more);
  return Ok();
}

Task<Result<Sandbox>> Sandboxes::Impl::RunResize(EntryPtr entry, ResourcesPatch patch) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return Error(Code::kNotFound, "the sandbox has been deleted");
  const State before = entry->sandbox.state;
  if (before != State::kStarted && before != State::kStopped && before != State::kPaused) {
    co_return Error(Code::kConflict, "the sandbox is " + std::string(StateName(before)) +
                                         "; only a started, stopped or paused one can be resized");
  }
  const Resources old = entry->sandbox.resources;
  Resources wanted = old;
  wanted.cpu = patch.cpu.value_or(wanted.cpu);
  wanted.memory_gib = patch.memory_gib.value_or(wanted.memory_gib);
  wanted.disk_gib = patch.disk_gib.value_or(wanted.disk_gib);
  wanted.pids = patch.pids.value_or(wanted.pids);
  wanted.io_weight = patch.io_weight.value_or(wanted.io_weight);
  if (wanted == old) co_return entry->sandbox;
  CO_RETURN_IF_ERROR(AdmitResize(entry->sandbox, wanted));
  CO_RETURN_IF_ERROR(co_await Save(entry, Resized(entry, State::kResizing, wanted)));
  const SandboxId id = entry->sandbox.id;
  auto resized = co_await deps_.runner->ResizeBox(id, BoxRequest(entry->sandbox).limits);
  co_await SaveSeen(entry, Resized(entry, before, resized.ok() ? wanted : old));
  if (!resized) {
    co_return std::move(resized).error().Wrap("resize sandbox " + entry->sandbox.name);
  }
  CO_RETURN_IF_ERROR(co_await deps_.store->Flush());
  log::Info("sandbox.resized", {{"sandbox", id.value},
                                {"cpu", wanted.cpu},
                                {"memory_gib", wanted.memory_gib},
                                {"disk_gib", wanted.disk_gib},
                                {"pids", wanted.pids},
                                {"io_weight", wanted.io_weight}});
  co_return entry->sandbox;
}

// As the runner told: nobody here knows more of the machine.
std::vector<std::string> Sandboxes::Impl::WithoutEffect(const ResourcesPatch& asked) const {
  if (!asked.io_weight) return {};
  const auto room = deps_.machine().room;
  if (!room || room->weighs_io) return {};
  return {
      "ioWeight has no effect on this machine: it is kept for one that has cgroup version 2 with "
      "io, or the scheduler bfq on the disk (see cove doctor)"};
}

// The row has the limits that were asked for.
Task<Result<Sandbox>> Sandboxes::Impl::FinishResize(EntryPtr entry, std::optional<BoxState> box) {
  const SandboxId id = entry->sandbox.id;
  if (!box) co_return Error(Code::kGone, "its files are gone");
  CO_RETURN_IF_ERROR(co_await deps_.runner->ResizeBox(id, BoxRequest(entry->sandbox).limits));
  State state = State::kStopped;
  if (*box == BoxState::kPaused) {
    state = State::kPaused;
    CO_RETURN_IF_ERROR(co_await Attach(entry));
  } else if (*box == BoxState::kRunning) {
    state = State::kStarted;
    CO_ASSIGN_OR_RETURN(proto::RunningBox running, co_await deps_.runner->AttachBox(id));
    CO_RETURN_IF_ERROR(co_await BringUp(entry, std::move(running)));
  }
  co_await SaveSeen(entry, Resized(entry, state, entry->sandbox.resources));
  co_return entry->sandbox;
}

}  // namespace cove::control
