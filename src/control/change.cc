#include "control/impl.h"
#include "control/validate.h"

namespace cove::control {

Task<Result<Sandbox>> Sandboxes::Impl::Change(SandboxId id, Edit edit, Inform inform) {
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const Background<Sandbox> work(tasks_, RunChange(entry, std::move(edit), inform));
  co_return co_await work.Wait();
}

Task<Result<Sandbox>> Sandboxes::Impl::RunChange(EntryPtr entry, Edit edit, Inform inform) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return Error(Code::kNotFound, "the sandbox has been deleted");
  Sandbox next = entry->sandbox;
  CO_RETURN_IF_ERROR(edit(next));
  if (inform == Inform::kDoor && deps_.door.check) {
    CO_RETURN_IF_ERROR(deps_.door.check(next.network));
  }
  next.updated_at = deps_.wall();
  CO_RETURN_IF_ERROR(co_await Save(entry, std::move(next)));
  CO_RETURN_IF_ERROR(co_await deps_.store->Flush());
  if (inform == Inform::kDoor && entry->attached) deps_.door.update(entry->sandbox);
  co_return entry->sandbox;
}

Task<Result<Sandbox>> Sandboxes::SetLabels(SandboxId id, Labels labels) {
  CO_RETURN_IF_ERROR(CheckLabels(labels));
  Impl::Edit edit = [labels](Sandbox& s) {
    s.labels = labels;
    return Ok();
  };
  co_return co_await impl_->Change(id, std::move(edit), Impl::Inform::kNobody);
}

Task<Result<Sandbox>> Sandboxes::SetIntervals(SandboxId id, IntervalsPatch patch) {
  const WallTime now = impl_->WallNow();
  Impl::Edit edit = [patch, now](Sandbox& s) {
    Intervals& i = s.intervals;
    i.auto_stop = patch.auto_stop.value_or(i.auto_stop);
    i.auto_pause = patch.auto_pause.value_or(i.auto_pause);
    i.auto_archive = patch.auto_archive.value_or(i.auto_archive);
    i.auto_delete = patch.auto_delete.value_or(i.auto_delete);
    i.ttl = patch.ttl.value_or(i.ttl);
    if (patch.ttl) s.ttl_since = now;
    return CheckIntervals(i);
  };
  co_return co_await impl_->Change(id, std::move(edit), Impl::Inform::kNobody);
}

// As the API has it: a new allow list lifts the block, lifting the block clears the lists. Lists
// and a document take each other's place.
Task<Result<Sandbox>> Sandboxes::SetNetwork(SandboxId id, NetworkPatch patch) {
  Impl::Edit edit = [patch](Sandbox& s) {
    Network& n = s.network;
    if (patch.block_all && !*patch.block_all) n = Network{};
    if (patch.policy) n = Network{.policy = *patch.policy};
    if (patch.allow_list) n.allow_list = *patch.allow_list;
    if (patch.domain_allow_list) n.domain_allow_list = *patch.domain_allow_list;
    if (!patch.allow_list.value_or("").empty() || !patch.domain_allow_list.value_or("").empty()) {
      n.block_all = false;
      n.policy.clear();
    }
    if (patch.block_all) n.block_all = *patch.block_all;
    return CheckNetwork(n);
  };
  co_return co_await impl_->Change(id, std::move(edit), Impl::Inform::kDoor);
}

Task<Result<Sandbox>> Sandboxes::SetVisibility(SandboxId id, Visibility visibility) {
  Impl::Edit edit = [visibility](Sandbox& s) {
    s.is_public = visibility == Visibility::kPublic;
    return Ok();
  };
  co_return co_await impl_->Change(id, std::move(edit), Impl::Inform::kNobody);
}

}  // namespace cove::control
