// Resize(): other limits for a box that is there.
#include "image/dir.h"
#include "log/log.h"
#include "runner/boxes.h"

namespace cove::runner {
namespace {

constexpr const char* kWhat = "change the limits of the sandbox";
constexpr uint64_t kMiB = 1 << 20;

}  // namespace

// What a runner that dies half-way leaves: the record already says the new limits, and Recover()
// applies what the record says.
Task<Result<void>> Boxes::Resize(SandboxId id, proto::runner::Limits limits) {
  CO_ASSIGN_OR_RETURN(BoxPtr box, Find(id));
  const auto mine = co_await box->turn.Take();
  CO_RETURN_IF_ERROR(Find(id));
  if (auto fits = co_await CheckFits(box, limits.disk_bytes); !fits) {
    co_return std::move(fits).error().Wrap(kWhat);
  }
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
  co_return std::move(applied).error().Wrap(kWhat);
}

// Only a disk that shrinks is measured, because all boxes write to one file system, and all of it
// has to be on the disk before what one holds is known.
Task<Result<void>> Boxes::CheckFits(BoxPtr box, uint64_t disk_bytes) {
  const uint64_t before = box->spec.limits.disk_bytes;
  if (disk_bytes == 0 || (before != 0 && disk_bytes >= before)) co_return Ok();
  CO_ASSIGN_OR_RETURN(UniqueFd files, image::OpenDirPath(deps_.disk.path(box->spec.id)));
  CO_RETURN_IF_ERROR(co_await deps_.jobs.Sync(std::move(files)));
  CO_ASSIGN_OR_RETURN(const uint64_t used, deps_.disk.Use(box->spec.id));
  if (used <= disk_bytes) co_return Ok();
  co_return Error(Code::kConflict, "its files take " + std::to_string(used / kMiB) +
                                       " MiB, more than the new limit of " +
                                       std::to_string(disk_bytes / kMiB) +
                                       " MiB; remove some first");
}

Result<void> Boxes::Apply(const Box& box, const proto::runner::Limits& limits) {
  RETURN_IF_ERROR(deps_.disk.Limit(box.spec.id, limits.disk_bytes));
  if (!box.running) return Ok();
  return deps_.driver.Resize(box.spec.id, limits);
}

}  // namespace cove::runner
