#include "control/sandboxes.h"

#include <algorithm>

#include "control/impl.h"
#include "control/list.h"
#include "control/rows.h"
#include "identity/previews.h"
#include "log/log.h"

namespace cove::control {

Task<Result<void>> Sandboxes::Impl::Load() {
  auto sandboxes = co_await deps_.store->Read([](store::Db& db) { return LoadSandboxes(db); });
  if (!sandboxes) co_return std::move(sandboxes).error().Wrap("read the sandboxes");
  auto snapshots = co_await deps_.store->Read([](store::Db& db) { return LoadSnapshots(db); });
  if (!snapshots) co_return std::move(snapshots).error().Wrap("read the snapshots");
  auto pools = co_await deps_.store->Read([](store::Db& db) { return LoadWarmPools(db); });
  if (!pools) co_return std::move(pools).error().Wrap("read the warm pools");
  for (WarmPool& pool : *pools) warm_pools_.emplace(pool.id, std::move(pool));
  for (Sandbox& sandbox : *sandboxes) {
    auto entry = std::make_shared<Entry>();
    entry->sandbox = std::move(sandbox);
    Insert(std::move(entry));
  }
  for (Snapshot& snapshot : *snapshots) snapshots_.emplace(snapshot.id, std::move(snapshot));
  co_return Ok();
}

Result<Sandbox> Sandboxes::Impl::Get(const OrgId& org, std::string_view id_or_name) const {
  auto it = entries_.find(SandboxId(std::string(id_or_name)));
  if (it != entries_.end() && it->second->sandbox.org == org) return it->second->sandbox;
  auto named = by_name_.find({org, std::string(id_or_name)});
  if (named != by_name_.end()) return entries_.at(named->second)->sandbox;
  return Error(Code::kNotFound,
               "no sandbox with id or name '" + std::string(id_or_name.substr(0, 128)) + "'");
}

std::optional<Sandbox> Sandboxes::Impl::Find(const SandboxId& id) const {
  auto it = entries_.find(id);
  if (it == entries_.end()) return std::nullopt;
  return it->second->sandbox;
}

Result<Sandboxes::Impl::EntryPtr> Sandboxes::Impl::Look(const SandboxId& id) const {
  auto it = entries_.find(id);
  if (it != entries_.end()) return it->second;
  return Error(Code::kNotFound, "no sandbox with id '" + id.value + "'");
}

Result<ListPage> Sandboxes::Impl::List(const OrgId& org, const ListQuery& query) const {
  std::vector<const Sandbox*> all;
  all.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) {
    if (entry->sandbox.org == org) all.push_back(&entry->sandbox);
  }
  return ListSandboxes(std::move(all), query);
}

void Sandboxes::Impl::Touch(const SandboxId& id, Activity activity) {
  if (activity != Activity::kAsked && !settings_.activity.contains(activity)) return;
  auto it = entries_.find(id);
  if (it == entries_.end()) return;
  it->second->sandbox.last_activity_at = deps_.wall();
  it->second->activity_changed = true;
  it->second->unanswered = 0;
}

Result<std::string> Sandboxes::Impl::ToolboxFor(const SandboxId& id) const {
  ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const State state = entry->sandbox.state;
  if (state == State::kStarted && entry->attached) return entry->toolbox_socket;
  std::string text = "the sandbox is " + std::string(StateName(state));
  if (!entry->sandbox.error_reason.empty()) text += " (" + entry->sandbox.error_reason + ")";
  const bool rests = state == State::kStopped || state == State::kPaused || state == State::kError;
  return Error(Code::kConflict, text + (rests ? ": start it first" : ": wait until it is started"));
}

Result<std::string> Sandboxes::Impl::PreviewToken(const SandboxId& id) const {
  ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  return deps_.previews->PlainToken(id, entry->sandbox.preview_generation);
}

Subscription Sandboxes::Impl::Subscribe(std::function<void(const control::Change&)> callback) {
  auto listener = std::make_shared<Listener>();
  listener->callback = std::move(callback);
  listeners_.push_back(listener);
  return Subscription(std::move(listener));
}

// A callback may subscribe, end a subscription or ask for more: the list is copied first.
void Sandboxes::Impl::Notify(const Sandbox& sandbox, std::optional<State> from) {
  std::erase_if(listeners_, [](const auto& weak) { return weak.expired(); });
  control::Change change;
  change.sandbox = sandbox;
  change.from = from;
  change.to = sandbox.state;
  for (const auto& weak : std::vector(listeners_)) {
    if (auto listener = weak.lock()) listener->callback(change);
  }
}

void Sandboxes::Impl::Insert(EntryPtr entry) {
  const Sandbox& s = entry->sandbox;
  by_name_[{s.org, s.name}] = s.id;
  if (!s.idempotency_key.empty()) {
    by_idempotency_key_[{s.org, s.created_by, s.idempotency_key}] = s.id;
  }
  promises_.Add(s);
  entries_[s.id] = std::move(entry);
}

void Sandboxes::Impl::Remove(const EntryPtr& entry) {
  const Sandbox& s = entry->sandbox;
  if (!std::exchange(entry->gone, true)) promises_.Drop(s);
  by_name_.erase({s.org, s.name});
  by_idempotency_key_.erase({s.org, s.created_by, s.idempotency_key});
  entries_.erase(s.id);
}

void Sandboxes::Impl::Adopt(const EntryPtr& entry, Sandbox next) {
  const State from = entry->sandbox.state;
  // Touch() and OnBoxOom() may have run while `next` was being written.
  next.last_activity_at = std::max(next.last_activity_at, entry->sandbox.last_activity_at);
  next.oom_kills = entry->sandbox.oom_kills;
  if (!entry->gone) promises_.Drop(entry->sandbox);
  entry->sandbox = std::move(next);
  if (!entry->gone) promises_.Add(entry->sandbox);
  if (from != entry->sandbox.state) Notify(entry->sandbox, from);
}

Task<Result<void>> Sandboxes::Impl::WriteRow(Sandbox row, store::Durability durability) {
  co_return co_await deps_.store->Write([row](store::Db& db) { return SaveSandbox(db, row); },
                                        durability);
}

Task<Result<void>> Sandboxes::Impl::Save(EntryPtr entry, Sandbox next) {
  auto saved = co_await WriteRow(next, store::Durability::kProcess);
  if (!saved) co_return std::move(saved).error().Wrap("save sandbox " + next.id.value);
  Adopt(entry, std::move(next));
  co_return Ok();
}

Task<void> Sandboxes::Impl::SaveSeen(EntryPtr entry, Sandbox next) {
  co_await SaveBehind(next);
  Adopt(entry, std::move(next));
}

Task<void> Sandboxes::Impl::SaveBehind(Sandbox row) {
  auto saved = co_await WriteRow(row, store::Durability::kProcess);
  if (!saved.ok()) {
    log::Error("sandbox.save_failed",
               {{"sandbox", row.id.value}, {"error", saved.error().message()}});
  }
}

Sandbox Sandboxes::Impl::With(const EntryPtr& entry, State state, std::string reason) const {
  Sandbox next = entry->sandbox;
  next.state = state;
  next.error_reason = std::move(reason);
  next.updated_at = deps_.wall();
  next.last_activity_at = next.updated_at;
  next.state_since = next.updated_at;
  return next;
}

Sandbox Sandboxes::Impl::With(const EntryPtr& entry, State state, Desired desired) const {
  Sandbox next = With(entry, state);
  next.desired = desired;
  return next;
}

// --- the face

Sandboxes::Sandboxes(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sandboxes::~Sandboxes() = default;

Task<Result<std::unique_ptr<Sandboxes>>> Sandboxes::Open(Deps deps, Settings settings) {
  auto impl = std::make_unique<Impl>(std::move(deps), std::move(settings));
  CO_RETURN_IF_ERROR(co_await impl->Load());
  co_return std::unique_ptr<Sandboxes>(new Sandboxes(std::move(impl)));
}

Task<Result<RecoverReport>> Sandboxes::Recover() { return impl_->Recover(); }
void Sandboxes::Run() { impl_->Run(); }
Task<Result<Sandbox>> Sandboxes::Create(CreateRequest request) {
  return impl_->Create(std::move(request));
}
Result<Sandbox> Sandboxes::Get(const OrgId& org, std::string_view id_or_name) const {
  return impl_->Get(org, id_or_name);
}
std::optional<Sandbox> Sandboxes::Find(const SandboxId& id) const { return impl_->Find(id); }
Result<ListPage> Sandboxes::List(const OrgId& org, const ListQuery& query) const {
  return impl_->List(org, query);
}
size_t Sandboxes::size() const { return impl_->size(); }
Task<Result<Sandbox>> Sandboxes::Start(SandboxId id) { return impl_->Start(std::move(id)); }
Task<Result<Sandbox>> Sandboxes::Stop(SandboxId id, StopMode mode) {
  return impl_->Stop(std::move(id), mode);
}
Task<Result<Sandbox>> Sandboxes::Delete(SandboxId id) { return impl_->Delete(std::move(id)); }
Task<Result<Sandbox>> Sandboxes::Pause(SandboxId id) { return impl_->Pause(std::move(id)); }
std::vector<std::string> Sandboxes::WithoutEffect(const ResourcesPatch& asked) const {
  return impl_->WithoutEffect(asked);
}
Task<Result<Sandbox>> Sandboxes::Resize(SandboxId id, ResourcesPatch patch) {
  return impl_->Resize(std::move(id), patch);
}
void Sandboxes::Touch(const SandboxId& id, Activity activity) { impl_->Touch(id, activity); }
Task<Result<void>> Sandboxes::ResumeForUse(SandboxId id) {
  return impl_->ResumeForUse(std::move(id));
}
Task<Error> Sandboxes::Explain(SandboxId id, Error error) {
  return impl_->Explain(std::move(id), std::move(error));
}
Result<std::string> Sandboxes::ToolboxFor(const SandboxId& id) const {
  return impl_->ToolboxFor(id);
}
Result<std::string> Sandboxes::PreviewToken(const SandboxId& id) const {
  return impl_->PreviewToken(id);
}
Subscription Sandboxes::Subscribe(std::function<void(const Change&)> callback) {
  return impl_->Subscribe(std::move(callback));
}
Task<Result<Snapshot>> Sandboxes::TakeSnapshot(SandboxId id, std::string name) {
  return impl_->TakeSnapshot(std::move(id), std::move(name));
}
Result<Snapshot> Sandboxes::GetSnapshot(const OrgId& org, std::string_view id_or_name) const {
  return impl_->GetSnapshot(org, id_or_name);
}
std::vector<Snapshot> Sandboxes::ListSnapshots(const OrgId& org) const {
  return impl_->ListSnapshots(org);
}
Task<Result<void>> Sandboxes::DeleteSnapshot(OrgId org, std::string id) {
  return impl_->DeleteSnapshot(std::move(org), std::move(id));
}
Task<Result<Snapshot>> Sandboxes::EnsureHostImage(Runner::OnProgress progress) {
  return impl_->EnsureHostImage(std::move(progress));
}
std::vector<WarmPool> Sandboxes::ListWarmPools(const OrgId& org) const {
  return impl_->ListWarmPools(org);
}
Task<Result<WarmPool>> Sandboxes::CreateWarmPool(OrgId org, std::string snapshot, size_t size,
                                                 std::string target) {
  return impl_->CreateWarmPool(std::move(org), std::move(snapshot), size, std::move(target));
}
Task<Result<WarmPool>> Sandboxes::ResizeWarmPool(OrgId org, std::string id, size_t size) {
  return impl_->ResizeWarmPool(std::move(org), std::move(id), size);
}
Task<Result<void>> Sandboxes::DeleteWarmPool(OrgId org, std::string id) {
  return impl_->DeleteWarmPool(std::move(org), std::move(id));
}
Task<void> Sandboxes::ClosePool() { return impl_->ClosePool(); }
void Sandboxes::OnBoxExited(const proto::runner::BoxExited& event) { impl_->OnBoxExited(event); }
void Sandboxes::OnBoxOom(const proto::runner::BoxOom& event) { impl_->OnBoxOom(event); }
void Sandboxes::OnDoorBroken(const SandboxId& id) { impl_->OnDoorBroken(id); }
Task<Result<void>> Sandboxes::Flush() { return impl_->Flush(); }

}  // namespace cove::control
