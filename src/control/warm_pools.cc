// Which boxes are kept ready: the configured pool of the default snapshot and those made by the
// API; and what they may cost.
#include <algorithm>

#include "async/deadline.h"
#include "base/text.h"
#include "control/gib.h"
#include "control/impl.h"
#include "control/rows.h"
#include "log/log.h"

namespace cove::control {
namespace {

// Above what admission keeps free: the pool never uses up the last of the machine.
constexpr uint64_t kMemoryReserve = 256ull << 20;

Result<void> CheckSize(size_t size) {
  if (size <= kWarmPoolMax) return Ok();
  return Error(Code::kInvalid, "pool: at most " + std::to_string(kWarmPoolMax) + " are kept ready");
}

constexpr seconds kCloseDeadline{5};

Task<Result<void>> CloseNow(Pool* pool) {
  co_await pool->Close();
  co_return Ok();
}

}  // namespace

Pool::Deps Sandboxes::Impl::PoolDeps() {
  Pool::Deps deps;
  deps.runner = deps_.runner;
  deps.toolbox = deps_.toolbox;
  deps.start_deadline = settings_.start_deadline;
  deps.may_grow = [this](const proto::runner::BoxCreate& model) {
    MachineFacts machine = deps_.machine();
    machine.memory_available_bytes -= std::min(machine.memory_available_bytes, kMemoryReserve);
    return Admit(WantedBy(model), PromisedWithPool(), settings_, machine).ok();
  };
  deps.on_deleted = [this](const ImageId& image) {
    if (!ImageInUse(image)) tasks_.Spawn(CollectImages());
  };
  return deps;
}

Wanted Sandboxes::Impl::WantedBy(const proto::runner::BoxCreate& request) {
  Wanted out;
  out.memory_gib = GibOf(request.limits.memory_bytes);
  out.disk_gib = GibOf(request.limits.disk_bytes);
  return out;
}

Promised Sandboxes::Impl::PromisedWithPool() const {
  Promised out = promises_.now();
  for (const auto& held : pool_.Held()) {
    const Wanted one = WantedBy(held);
    out.sandboxes += one.sandboxes;
    out.memory_gib += one.memory_gib;
    out.disk_gib += one.disk_gib;
  }
  return out;
}

void Sandboxes::Impl::PoolGivesWay(const Wanted& wanted) {
  if (pool_.Held().empty()) return;
  const MachineFacts machine = deps_.machine();
  while (!Admit(wanted, PromisedWithPool(), settings_, machine) && pool_.DropOne()) {
  }
}

// A box as a sandbox of that snapshot gets it if its create asks for nothing else.
std::optional<proto::runner::BoxCreate> Sandboxes::Impl::PoolModel(const OrgId& org,
                                                                   const std::string& name) const {
  const Snapshot* snapshot = FindSnapshot(org, name);
  if (snapshot == nullptr || snapshot->state != SnapshotState::kActive) return std::nullopt;
  Sandbox sandbox;
  sandbox.image = snapshot->image;
  const auto profile = ProfileFor({}, *snapshot);
  if (!profile) return std::nullopt;
  sandbox.profile = *profile;
  sandbox.resources = snapshot->resources.value_or(settings_.defaults);
  return BoxRequest(sandbox);
}

// What is left after the deadline has no row, so the next front removes it.
Task<void> Sandboxes::Impl::ClosePool() {
  auto closed = co_await async::WithDeadline(CloseNow(&pool_), Now() + kCloseDeadline,
                                             "deleting the boxes that were kept ready");
  if (!closed) log::Warn("pool.not_closed", {{"error", closed.error().message()}});
}

void Sandboxes::Impl::ArrangePool() {
  std::vector<Pool::Want> wants;
  const auto add = [&](const OrgId& org, const std::string& snapshot, size_t size) {
    if (auto model = PoolModel(org, snapshot); model && size > 0) wants.push_back({*model, size});
  };
  add(OrgId(), settings_.default_snapshot, settings_.pool_size);
  for (const auto& [id, pool] : warm_pools_) add(pool.org, pool.snapshot, pool.size);
  pool_.SetWants(wants);
}

WarmPool Sandboxes::Impl::Seen(WarmPool pool) const {
  const Snapshot* snapshot = FindSnapshot(pool.org, pool.snapshot);
  pool.target = settings_.target;
  pool.resources = settings_.defaults;
  if (snapshot != nullptr && snapshot->resources) pool.resources = *snapshot->resources;
  const auto model = PoolModel(pool.org, pool.snapshot);
  pool.ready = model ? std::min(pool.size, pool_.Ready(*model)) : 0;
  if (pool.ready < pool.size) pool.error_reason = pool_.error();
  if (!model) pool.error_reason = "there is no active snapshot '" + pool.snapshot + "'";
  return pool;
}

std::vector<WarmPool> Sandboxes::Impl::ListWarmPools(const OrgId& org) const {
  std::vector<WarmPool> out;
  for (const auto& [id, pool] : warm_pools_) {
    if (pool.org == org) out.push_back(Seen(pool));
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.created_at < b.created_at; });
  return out;
}

Task<Result<WarmPool>> Sandboxes::Impl::SaveWarmPoolRow(WarmPool pool) {
  auto saved =
      co_await deps_.store->Write([pool](store::Db& db) { return SaveWarmPool(db, pool); });
  if (!saved) co_return std::move(saved).error().Wrap("save the warm pool");
  warm_pools_[pool.id] = pool;
  ArrangePool();
  co_return Seen(pool);
}

Task<Result<WarmPool>> Sandboxes::Impl::CreateWarmPool(OrgId org, std::string snapshot, size_t size,
                                                       std::string target) {
  CO_RETURN_IF_ERROR(CheckSize(size));
  CO_RETURN_IF_ERROR(CheckTarget(target));
  CO_ASSIGN_OR_RETURN(const Snapshot found, co_await SnapshotFor(org, snapshot));
  WarmPool pool;
  pool.id = NewUuid();
  pool.org = org;
  pool.snapshot = found.name;
  pool.size = size;
  pool.created_at = pool.updated_at = deps_.wall();
  co_return co_await SaveWarmPoolRow(std::move(pool));
}

Task<Result<WarmPool>> Sandboxes::Impl::ResizeWarmPool(OrgId org, std::string id, size_t size) {
  CO_RETURN_IF_ERROR(CheckSize(size));
  const auto it = warm_pools_.find(id);
  if (it == warm_pools_.end() || it->second.org != org) {
    co_return Error(Code::kNotFound, "no warm pool with id '" + id + "'");
  }
  WarmPool next = it->second;
  next.size = size;
  next.updated_at = deps_.wall();
  co_return co_await SaveWarmPoolRow(std::move(next));
}

Task<Result<void>> Sandboxes::Impl::DeleteWarmPool(OrgId org, std::string id) {
  const auto it = warm_pools_.find(id);
  if (it == warm_pools_.end() || it->second.org != org) {
    co_return Error(Code::kNotFound, "no warm pool with id '" + id + "'");
  }
  CO_RETURN_IF_ERROR(
      co_await deps_.store->Write([id](store::Db& db) { return DeleteWarmPoolRow(db, id); }));
  warm_pools_.erase(id);
  ArrangePool();
  co_return Ok();
}

}  // namespace cove::control
