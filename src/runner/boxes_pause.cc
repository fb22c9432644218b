// Pausing and resuming boxes.
#include "log/log.h"
#include "runner/boxes.h"

namespace cove::runner {

Task<Result<void>> Boxes::Pause(SandboxId id) {
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  CO_RETURN_IF_ERROR(Find(id));
  if (!box->running) {
    co_return Error(Code::kConflict,
                    "box " + id.value + " does not run; there is nothing to pause");
  }
  if (box->paused) co_return Ok();
  CO_RETURN_IF_ERROR(co_await deps_.driver.Pause(id));
  if (!box->running) co_return Error(Code::kGone, "box " + id.value + " ended while it was paused");
  box->paused = true;
  log::Info("box.paused", {{"sandbox", id.value}});
  box->reclaim.Spawn(GiveMemoryBack(id));
  co_return Ok();
}

Task<void> Boxes::GiveMemoryBack(SandboxId id) {
  auto reclaim = deps_.driver.OpenReclaim(id);
  const auto done = reclaim ? co_await deps_.jobs.Reclaim(*std::move(reclaim))
                            : Result<void>(std::move(reclaim).error());
  if (!done) {
    log::Warn("box.not_reclaimed", {{"sandbox", id.value}, {"why", done.error().message()}});
  }
}

Task<Result<void>> Boxes::Resume(SandboxId id) {
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  CO_RETURN_IF_ERROR(Find(id));
  if (!box->running) {
    co_return Error(Code::kConflict, "box " + id.value + " does not run; start it instead");
  }
  co_return Thaw(box);
}

Result<void> Boxes::Thaw(const BoxPtr& box) {
  if (!box->paused) return Ok();
  box->reclaim.Clear();
  RETURN_IF_ERROR(deps_.driver.Resume(box->spec.id));
  box->paused = false;
  runs_.NotifyAll();
  log::Info("box.resumed", {{"sandbox", box->spec.id.value}});
  return Ok();
}

}  // namespace cove::runner
