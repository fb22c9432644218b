#include <algorithm>

#include "async/deadline.h"
#include "base/text.h"
#include "control/impl.h"
#include "control/rows.h"
#include "control/validate.h"
#include "log/log.h"

namespace cove::control {

const Snapshot* Sandboxes::Impl::FindSnapshot(const OrgId& org, std::string_view id_or_name) const {
  for (const auto& [id, s] : snapshots_) {
    const bool visible = s.org.empty() || s.org == org;
    if (visible && (s.id == id_or_name || s.name == id_or_name)) return &s;
  }
  return nullptr;
}

Result<Snapshot> Sandboxes::Impl::GetSnapshot(const OrgId& org, std::string_view id_or_name) const {
  if (const Snapshot* s = FindSnapshot(org, id_or_name)) return *s;
  return Error(Code::kNotFound,
               "no snapshot with id or name '" + std::string(id_or_name.substr(0, 128)) + "'");
}

std::vector<Snapshot> Sandboxes::Impl::ListSnapshots(const OrgId& org) const {
  std::vector<Snapshot> out;
  for (const auto& [id, s] : snapshots_) {
    if (s.org.empty() || s.org == org) out.push_back(s);
  }
  std::sort(out.begin(), out.end(),
            [](const Snapshot& a, const Snapshot& b) { return a.created_at > b.created_at; });
  return out;
}

bool Sandboxes::Impl::ImageInUse(const ImageId& image) const {
  const bool by_snapshot = std::any_of(snapshots_.begin(), snapshots_.end(),
                                       [&](const auto& s) { return s.second.image == image; });
  return by_snapshot || std::any_of(entries_.begin(), entries_.end(), [&](const auto& e) {
           return e.second->sandbox.image == image;
         });
}

Task<Result<void>> Sandboxes::Impl::SaveSnapshotRow(Snapshot row) {
  auto saved = co_await deps_.store->Write([row](store::Db& db) { return SaveSnapshot(db, row); });
  if (!saved) co_return std::move(saved).error().Wrap("save snapshot " + row.name);
  snapshots_[row.id] = std::move(row);
  ArrangePool();
  co_return Ok();
}

Task<Result<void>> Sandboxes::Impl::DropSnapshotRow(std::string id) {
  snapshots_.erase(id);
  ArrangePool();
  co_return co_await deps_.store->Write([id](store::Db& db) { return DeleteSnapshotRow(db, id); });
}

namespace {

// Each name once: taking turns between two of them makes the list no longer.
Result<std::vector<std::string>> AncestorsBy(const Sandbox& source) {
  constexpr size_t kAncestorsMax = 1000;
  std::vector<std::string> out = source.ancestors;
  std::erase(out, source.snapshot);
  out.push_back(source.snapshot);
  if (out.size() <= kAncestorsMax) return out;
  return Error(
      Code::kConflict,
      "over 1000 snapshots lead to this sandbox, one made from the other: use names again, "
      "or begin anew from the first");
}

}  // namespace

Result<void> Sandboxes::Impl::CheckCanSave() const {
  if (settings_.images == Settings::Images::kBorrowed) {
    return Error(Code::kDenied,
                 "this server uses the images of another (--images): take snapshots there");
  }
  const auto room = deps_.machine().room;
  if (!room) return Ok();
  return proto::CheckReserve(room->host_available_bytes, room->host_reserve_bytes);
}

Task<Result<Snapshot>> Sandboxes::Impl::TakeSnapshot(SandboxId id, std::string name) {
  CO_RETURN_IF_ERROR(CheckName("snapshot", name));
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  if (name == kHostSnapshot || FindSnapshot(entry->sandbox.org, name) != nullptr) {
    co_return Error(Code::kConflict, "a snapshot named '" + name +
                                         "' exists already: choose another name or delete it");
  }
  Snapshot row;
  row.id = NewUuid();
  row.org = entry->sandbox.org;
  row.name = name;
  row.resources = entry->sandbox.resources;
  row.profile = entry->sandbox.profile;
  row.source_sandbox = id.value;
  CO_ASSIGN_OR_RETURN(row.ancestors, AncestorsBy(entry->sandbox));
  row.created_at = row.updated_at = deps_.wall();
  snapshots_[row.id] = row;  // takes the name before anything waits
  const Background<Snapshot> work(tasks_, RunSnapshot(entry, row));
  co_return co_await work.Wait();
}

// It ran before its files were saved, and is to run again. The snapshot is what it is even if that
// fails, so whoever looks at the sandbox, the log or the audit finds it there.
Task<void> Sandboxes::Impl::StartAgain(EntryPtr entry) {
  auto started = co_await StartHeld(entry);
  if (started.ok()) co_return;
  const std::string why =
      "it was stopped for a snapshot and could not be started again: " + started.error().message();
  const SandboxId& id = entry->sandbox.id;
  log::Error("sandbox.not_started_again", {{"sandbox", id.value}, {"error", why}});
  Sandbox next = With(entry, entry->sandbox.state, why);
  // One that was refused has its files and no box: it rests, as one does that was stopped.
  if (next.state == State::kStopped) next.desired = Desired::kStopped;
  co_await SaveSeen(entry, std::move(next));
  if (deps_.on_down) deps_.on_down(entry->sandbox, why);
}

// The files are at rest while they are copied: a started sandbox is stopped for it.
Task<Result<Snapshot>> Sandboxes::Impl::RunSnapshot(EntryPtr entry, Snapshot row) {
  const Turn turn = co_await entry->turnstile.Enter();
  const SandboxId id = entry->sandbox.id;
  const State before = entry->sandbox.state;
  Result<void> ready = Ok();
  if (entry->gone || (before != State::kStarted && before != State::kStopped)) {
    ready = Error(Code::kConflict, "the sandbox is " + std::string(StateName(before)) +
                                       ": only a started or stopped one can be saved");
  }
  if (ready.ok()) ready = CheckCanSave();
  if (ready.ok()) ready = co_await SaveSnapshotRow(row);
  if (ready.ok()) ready = co_await Save(entry, With(entry, State::kSnapshotting));
  if (ready.ok() && before == State::kStarted) {
    ready = co_await deps_.runner->StopBox(id, settings_.stop_grace);
    entry->stopped_to_save = Now();
    TakeDown(entry);
  }
  Result<proto::runner::ImageInfo> image = Error(Code::kInternal, "not taken");
  if (ready.ok()) {
    image = co_await async::WithDeadline(deps_.runner->SnapshotBox(id),
                                         Now() + settings_.image_deadline, "saving the files");
  } else {
    image = std::move(ready).error();
  }
  if (image.ok()) {
    row.image = image->id;
    row.bytes = image->bytes;
    row.state = SnapshotState::kActive;
    row.updated_at = deps_.wall();
    if (auto saved = co_await SaveSnapshotRow(row); !saved) image = std::move(saved).error();
  }
  if (!image.ok()) (void)co_await DropSnapshotRow(row.id);
  if (entry->sandbox.state == State::kSnapshotting) {
    co_await SaveSeen(entry, With(entry, State::kStopped));
    if (before == State::kStarted) co_await StartAgain(entry);
  }
  if (!image) co_return std::move(image).error().Wrap("take snapshot " + row.name);
  log::Info("snapshot.taken", {{"sandbox", id.value}, {"image", row.image.value}});
  co_return row;
}

Task<Result<void>> Sandboxes::Impl::DeleteSnapshot(OrgId org, std::string id) {
  const Snapshot* found = FindSnapshot(org, id);
  if (found == nullptr) co_return Error(Code::kNotFound, "no snapshot '" + id + "'");
  if (found->name == kHostSnapshot || found->org.empty()) {
    co_return Error(Code::kConflict, "snapshot '" + found->name + "' is built in and stays");
  }
  if (found->state == SnapshotState::kCreating) {
    co_return Error(Code::kConflict, "the snapshot is being taken: wait until it is active");
  }
  CO_RETURN_IF_ERROR(co_await DropSnapshotRow(found->id));
  tasks_.Spawn(CollectImages());
  co_return Ok();
}

Task<Result<Snapshot>> Sandboxes::Impl::EnsureHostImage(Runner::OnProgress progress) {
  if (progress) host_progress_.push_back(std::move(progress));
  if (!host_capture_ || host_capture_->finished()) host_capture_.emplace(tasks_, RunHostCapture());
  co_return co_await host_capture_->Wait();
}

Task<Result<Snapshot>> Sandboxes::Impl::RunHostCapture() {
  auto image = co_await deps_.runner->HostImage([this](std::string_view line) {
    log::Info("image.host_progress", {{"text", line}});
    for (const auto& progress : host_progress_) progress(line);
  });
  host_progress_.clear();
  if (!image) co_return std::move(image).error().Wrap("capture the host image");
  const Snapshot* known = FindSnapshot(OrgId(), kHostSnapshot);
  if (known != nullptr && known->image == image->id && known->state == SnapshotState::kActive) {
    co_return *known;
  }
  Snapshot row;
  if (known != nullptr) {
    row = *known;
  } else {
    row.id = NewUuid();
    row.name = kHostSnapshot;
    row.created_at = deps_.wall();
  }
  row.image = image->id;
  row.bytes = image->bytes;
  row.state = SnapshotState::kActive;
  row.updated_at = deps_.wall();
  CO_RETURN_IF_ERROR(co_await SaveSnapshotRow(row));
  log::Info("image.host_ready", {{"image", row.image.value}});
  tasks_.Spawn(CollectImages());
  co_return row;
}

// Deletes images that neither a snapshot nor a sandbox names.
Task<void> Sandboxes::Impl::CollectImages() {
  if (settings_.images == Settings::Images::kBorrowed) co_return;
  // Again after each round that deleted one: only then may one of its layers go.
  while (co_await CollectImagesOnce()) {
  }
}

// The runner keeps those that are layers of others (kConflict). Nothing is deleted while something
// is being made. Gives whether an image went.
Task<bool> Sandboxes::Impl::CollectImagesOnce() {
  auto images = co_await deps_.runner->ListImages();
  if (!images.ok()) co_return false;
  bool some = false;
  for (const auto& image : *images) {
    const bool making = std::any_of(snapshots_.begin(), snapshots_.end(), [](const auto& s) {
      return s.second.state == SnapshotState::kCreating;
    });
    const bool capturing = host_capture_ && !host_capture_->finished();
    if (making || capturing) co_return false;
    if (ImageInUse(image.id)) continue;
    if (auto deleted = co_await deps_.runner->DeleteImage(image.id); deleted.ok()) {
      log::Info("image.deleted", {{"image", image.id.value}});
      some = true;
    }
  }
  co_return some;
}

}  // namespace cove::control
