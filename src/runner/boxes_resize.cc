// Resize(): other limits for a box that is there.
#include "log/log.h"
#include "runner/boxes.h"

namespace cove::runner {

// What a runner that dies half-way leaves: the record already says the new limits, and Recover()
// applies what the record says.
Task<Result<void>> Boxes::Resize(SandboxId id, proto::runner::Limits limits) {
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  CO_RETURN_IF_ERROR(Find(id));
  CO_ASSIGN_OR_RETURN(const UniqueFd dir, OpenBoxDir(id));
  BoxSpecRecord next = box->spec;
  next.limits = limits;
  CO_RETURN_IF_ERROR(WriteSpec(dir.get(), next));
  auto applied = Apply(*box, limits);
  if (applied) {
    box->spec = std::move(next);
    co_return Ok();
  }
  auto back = Apply(*box, box->spec.limits);
  if (back) back = WriteSpec(dir.get(), box->spec);
  if (!back)
    log::Error("box.limits_stay", {{"sandbox", id.value}, {"why", back.error().message()}});
  co_return std::move(applied).error().Wrap("change the limits of the sandbox");
}

Result<void> Boxes::Apply(const Box& box, const proto::runner::Limits& limits) {
  RETURN_IF_ERROR(deps_.disk.Limit(box.spec.id, limits.disk_bytes));
  if (!box.running) return Ok();
  return deps_.driver.Resize(box.spec.id, limits);
}

}  // namespace cove::runner
