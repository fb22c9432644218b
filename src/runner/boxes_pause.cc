// Pausing and resuming boxes, and what the kernel kills in them.
#include <unistd.h>

#include "async/fd_watch.h"
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
  if (auto reclaim = deps_.driver.OpenReclaim(id)) {
    box->reclaim.Spawn(deps_.jobs.Reclaim(std::move(reclaim->file), std::move(reclaim->text)));
  } else {
    log::Warn("box.not_reclaimed", {{"sandbox", id.value}, {"why", reclaim.error().message()}});
  }
  co_return Ok();
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
  log::Info("box.resumed", {{"sandbox", box->spec.id.value}});
  return Ok();
}

void Boxes::TellOom(const Box& box) {
  log::Warn("box.oom", {{"sandbox", box.spec.id.value}, {"kills", box.kills()}});
  if (deps_.on_oom) deps_.on_oom({box.spec.id, box.kills()});
}

// The kernel tells of the event before it has counted its victim (v1), so the count is looked at
// again a little later; an idle box wakes nobody.
Task<void> Boxes::WatchOom(BoxPtr box) {
  constexpr milliseconds kFirstLook{2};
  constexpr milliseconds kLastLook{500};
  const int fd = box->running->oom_event.get();
  if (fd < 0) co_return;
  async::FdWatch watch(fd);
  Duration look = kFirstLook;
  for (;;) {
    uint64_t events = 0;
    (void)!pread(fd, &events, sizeof events, 0);  // memory.events (v2): armed again by reading
    (void)!read(fd, &events, sizeof events);      // the eventfd (v1)
    const auto kills = deps_.driver.OomKills(box->spec.id);
    if (kills && *kills > box->oom_kills) {
      box->oom_kills = *kills;
      TellOom(*box);
    }
    const bool again = look <= kLastLook;
    const bool event = co_await watch.Readable(again ? Now() + look : kNever);
    look = event ? Duration(kFirstLook) : look * 4;
  }
}

}  // namespace cove::runner
