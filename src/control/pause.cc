#include "async/deadline.h"
#include "control/impl.h"
#include "log/log.h"

namespace cove::control {
namespace {

// The toolbox answers at once unless the sandbox starves it; then its time limits go on counting.
constexpr seconds kClockDeadline{3};
constexpr seconds kPauseDeadline{30};

}  // namespace

Task<Result<Sandbox>> Sandboxes::Impl::Pause(SandboxId id) {
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const Background<Sandbox> work(tasks_, RunPause(entry));
  co_return co_await work.Wait();
}

Task<Result<void>> Sandboxes::Impl::ResumeForUse(SandboxId id) {
  if (!settings_.resume_on_use) co_return Ok();
  auto entry = Look(id);
  if (!entry) co_return Ok();
  const State state = (*entry)->sandbox.state;
  if (state != State::kPaused && state != State::kPausing && state != State::kResuming) {
    co_return Ok();
  }
  CO_RETURN_IF_ERROR(co_await Start(id));
  co_return Ok();
}

Task<Result<Sandbox>> Sandboxes::Impl::RunPause(EntryPtr entry) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return Error(Code::kNotFound, "the sandbox has been deleted");
  co_return co_await PauseHeld(entry);
}

// A sandbox that cannot be paused runs on as it was.
Task<Result<Sandbox>> Sandboxes::Impl::PauseHeld(EntryPtr entry) {
  const SandboxId id = entry->sandbox.id;
  if (entry->sandbox.state == State::kPaused) co_return entry->sandbox;
  if (entry->sandbox.state != State::kStarted || !entry->attached) {
    co_return Error(Code::kConflict, "the sandbox is " +
                                         std::string(StateName(entry->sandbox.state)) +
                                         "; only a started one can be paused");
  }
  CO_RETURN_IF_ERROR(co_await Save(entry, With(entry, State::kPausing, Desired::kPaused)));
  const std::string socket = entry->toolbox_socket;
  auto clocks = co_await async::WithDeadline(deps_.toolbox->StopClocks(socket),
                                             Now() + kClockDeadline, "stopping its clocks");
  if (!clocks.ok()) {
    log::Warn("sandbox.clocks_run_on", {{"sandbox", id.value}, {"why", clocks.error().message()}});
  }
  auto paused = co_await async::WithDeadline(deps_.runner->PauseBox(id), Now() + kPauseDeadline,
                                             "pausing the sandbox");
  if (!paused.ok()) {
    // It may have been paused after all, too late.
    (void)co_await deps_.runner->ResumeBox(id);
    (void)co_await async::WithDeadline(deps_.toolbox->StartClocks(socket), Now() + kClockDeadline,
                                       "starting its clocks");
    co_await SaveSeen(entry, With(entry, State::kStarted, Desired::kStarted));
    co_return std::move(paused).error().Wrap("pause sandbox " + entry->sandbox.name);
  }
  co_await SaveSeen(entry, With(entry, State::kPaused));
  log::Info("sandbox.paused", {{"sandbox", id.value}});
  co_return entry->sandbox;
}

// It has kept its memory, so there is nothing to admit.
Task<Result<Sandbox>> Sandboxes::Impl::ResumeHeld(EntryPtr entry) {
  const SandboxId id = entry->sandbox.id;
  CO_RETURN_IF_ERROR(co_await Save(entry, With(entry, State::kResuming, Desired::kStarted)));
  Result<void> up = Ok();
  if (!entry->attached) up = co_await Attach(entry);
  if (up.ok()) up = co_await deps_.runner->ResumeBox(id);
  if (up.ok()) {
    up = co_await async::WithDeadline(deps_.toolbox->StartClocks(entry->toolbox_socket),
                                      Now() + settings_.start_deadline, "waking the sandbox");
  }
  if (!up.ok()) {
    TakeDown(entry);
    (void)co_await deps_.runner->StopBox(id, milliseconds(0));
    co_await SaveSeen(entry, With(entry, State::kError, up.error().message()));
    co_return std::move(up).error().Wrap("resume sandbox " + entry->sandbox.name);
  }
  co_await SaveSeen(entry, With(entry, State::kStarted));
  log::Info("sandbox.resumed", {{"sandbox", id.value}});
  co_return entry->sandbox;
}

Task<Result<void>> Sandboxes::Impl::Attach(EntryPtr entry) {
  CO_ASSIGN_OR_RETURN(
      proto::RunningBox box,
      co_await async::WithDeadline(deps_.runner->AttachBox(entry->sandbox.id),
                                   Now() + settings_.start_deadline, "taking it over"));
  co_return OpenDoor(entry, std::move(box));
}

// Nothing inside is asked: it may stand still already.
Task<Result<Sandbox>> Sandboxes::Impl::FinishPause(EntryPtr entry) {
  if (!entry->attached) CO_RETURN_IF_ERROR(co_await Attach(entry));
  CO_RETURN_IF_ERROR(co_await deps_.runner->PauseBox(entry->sandbox.id));
  if (entry->sandbox.state != State::kPaused) {
    co_await SaveSeen(entry, With(entry, State::kPaused, Desired::kPaused));
  }
  co_return entry->sandbox;
}

Task<Result<Sandbox>> Sandboxes::Impl::FinishResume(EntryPtr entry) {
  const SandboxId id = entry->sandbox.id;
  CO_ASSIGN_OR_RETURN(
      proto::RunningBox box,
      co_await async::WithDeadline(deps_.runner->AttachBox(id), Now() + settings_.start_deadline,
                                   "taking it over"));
  CO_RETURN_IF_ERROR(co_await deps_.runner->ResumeBox(id));
  CO_RETURN_IF_ERROR(co_await BringUp(entry, std::move(box)));
  CO_RETURN_IF_ERROR(co_await deps_.toolbox->StartClocks(entry->toolbox_socket));
  co_await SaveSeen(entry, With(entry, State::kStarted, Desired::kStarted));
  co_return entry->sandbox;
}

}  // namespace cove::control
