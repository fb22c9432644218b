// The insides of Sandboxes: one class, its methods by subject in several files.
//
//   sandboxes.cc  the rows in memory: open, find, list, save, notify
//   create.cc     making one; bringing up a box that runs (door, environment)
//   lifecycle.cc  start, stop, delete
//   pause.cc      pause and resume
//   secrets.cc    which secrets a sandbox has
//   resize.cc     other limits for one that runs, rests or is paused
//   gone.cc       what became of a sandbox while a call was under way
//   change.cc     labels, intervals, network, visibility
//   snapshots.cc  snapshots and the host image
//   recover.cc    after a restart; boxes that end by themselves
//   warm_pools.cc which boxes are made ahead
//   timers.cc     auto-stop, auto-delete, ttl, times of activity
//
// Every operation: enter the entry's turnstile; look at what is; save what is wanted; do it; save
// what came of it. Memory is changed together with the row, so a reader sees what is durable.
// An entry is shared by the map and by the operations on it; one that is `gone` is only finished.
#pragma once

#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "control/admission.h"
#include "control/background.h"
#include "control/pool.h"
#include "control/promises.h"
#include "control/sandboxes.h"
#include "control/turnstile.h"

namespace cove::control {

class Sandboxes::Impl {
 public:
  struct Entry {
    Sandbox sandbox;
    std::string toolbox_socket;     // while its box is attached
    bool attached = false;          // the door serves it
    bool gone = false;              // deleted; no longer in the map
    bool activity_changed = false;  // since the row was written; its OOM count too
    TimePoint stopped_to_save{};    // when a snapshot last stopped it
    int unanswered = 0;             // looks for a reason to let it run, since it was last used
    Turnstile turnstile;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  Impl(Deps deps, Settings settings)
      : deps_(std::move(deps)), settings_(std::move(settings)), pool_(PoolDeps()) {}

  // sandboxes.cc
  Task<Result<void>> Load();
  Result<Sandbox> Get(const OrgId& org, std::string_view id_or_name) const;
  std::optional<Sandbox> Find(const SandboxId& id) const;
  Result<ListPage> List(const OrgId& org, const ListQuery& query) const;
  size_t size() const { return entries_.size(); }
  WallTime WallNow() const { return deps_.wall(); }
  void Touch(const SandboxId& id, Activity activity);
  Result<std::string> ToolboxFor(const SandboxId& id) const;
  Result<std::string> PreviewToken(const SandboxId& id) const;
  Subscription Subscribe(std::function<void(const Change&)> callback);

  // create.cc
  Task<Result<Sandbox>> Create(CreateRequest request);

  // lifecycle.cc
  Task<Result<Sandbox>> Start(SandboxId id);
  Task<Result<Sandbox>> Stop(SandboxId id, StopMode mode);
  Task<Result<Sandbox>> Delete(SandboxId id);

  // pause.cc
  Task<Result<Sandbox>> Pause(SandboxId id);
  Task<Result<void>> ResumeForUse(SandboxId id);

  // secrets.cc
  Task<Result<Sandbox>> SetSecrets(SandboxId id, SecretMap secrets);

  // resize.cc
  Task<Result<Sandbox>> Resize(SandboxId id, ResourcesPatch patch);
  std::vector<std::string> WithoutEffect(const ResourcesPatch& asked) const;

  // gone.cc
  Task<Error> Explain(SandboxId id, Error error);
  // Whether a snapshot stops it, or has just done so.
  static bool WasSaved(const Entry& entry);

  // change.cc
  using Edit = std::function<Result<void>(Sandbox&)>;
  enum class Inform { kNobody, kDoor };
  Task<Result<Sandbox>> Change(SandboxId id, Edit edit, Inform inform);

  // snapshots.cc
  Task<Result<Snapshot>> TakeSnapshot(SandboxId id, std::string name);
  Result<Snapshot> GetSnapshot(const OrgId& org, std::string_view id_or_name) const;
  std::vector<Snapshot> ListSnapshots(const OrgId& org) const;
  Task<Result<void>> DeleteSnapshot(OrgId org, std::string id);
  Task<Result<Snapshot>> EnsureHostImage(Runner::OnProgress progress);

  // warm_pools.cc
  std::vector<WarmPool> ListWarmPools(const OrgId& org) const;
  Task<Result<WarmPool>> CreateWarmPool(OrgId org, std::string snapshot, size_t size,
                                        std::string target);
  Task<Result<WarmPool>> ResizeWarmPool(OrgId org, std::string id, size_t size);
  Task<Result<void>> DeleteWarmPool(OrgId org, std::string id);
  Task<void> ClosePool();

  // recover.cc
  Task<Result<RecoverReport>> Recover();
  void OnBoxExited(const proto::runner::BoxExited& event);
  void OnBoxOom(const proto::runner::BoxOom& event);
  void OnDoorBroken(const SandboxId& id);

  // timers.cc
  void Run();
  Task<Result<void>> Flush();

 private:
  // --- rows (sandboxes.cc)
  Result<EntryPtr> Look(const SandboxId& id) const;
  void Insert(EntryPtr entry);
  void Remove(const EntryPtr& entry);
  // Writes `next` and then makes it what is in memory. For what must be written before it is done.
  Task<Result<void>> Save(EntryPtr entry, Sandbox next);
  Task<Result<void>> WriteRow(Sandbox row, store::Durability durability);
  // The same for what has been seen: memory takes it even if the row cannot be written, which is
  // logged; the next front finds out by itself.
  Task<void> SaveSeen(EntryPtr entry, Sandbox next);
  // Its first half, for what memory has already.
  Task<void> SaveBehind(Sandbox row);
  void Adopt(const EntryPtr& entry, Sandbox next);
  void Notify(const Sandbox& sandbox, std::optional<State> from);
  Sandbox With(const EntryPtr& entry, State state, std::string reason = {}) const;
  Sandbox With(const EntryPtr& entry, State state, Desired desired) const;

  // --- create.cc
  Result<Profile> ProfileFor(const CreateRequest& request, const Snapshot& snapshot) const;
  Result<Sandbox> Draft(const CreateRequest& request, const Snapshot& snapshot) const;
  Task<Result<Snapshot>> SnapshotFor(OrgId org, std::string name);
  Result<void> CheckTarget(const std::string& target) const;
  Result<EntryPtr> WithKey(const CreateRequest& request) const;
  Task<Result<Sandbox>> RunCreate(EntryPtr entry, Turn turn);
  Task<Result<Sandbox>> RunClaim(EntryPtr entry, Turn turn, proto::RunningBox box);
  Task<Result<void>> ClaimedBoxFailed(EntryPtr entry, Error why);
  void NoteUse(const Sandbox& sandbox);
  // How long the parts of a create took; logged with it.
  struct Phases {
    microseconds box{};
    microseconds toolbox{};
    microseconds row{};  // waited for once the box was there
  };
  Task<Result<void>> MakeBox(EntryPtr entry, Phases* phases);
  Task<void> Undo(EntryPtr entry);
  proto::runner::BoxCreate BoxRequest(const Sandbox& sandbox) const;
  // Serves a box that runs: door, environment; the entry is attached then. Undone on failure.
  Task<Result<void>> BringUp(EntryPtr entry, proto::RunningBox box);
  // Its first half: no process inside is asked for anything.
  Result<void> OpenDoor(const EntryPtr& entry, proto::RunningBox box);
  void TakeDown(const EntryPtr& entry);

  // --- secrets.cc
  // kInvalid: a name is no variable, is in `env` as well, or means no secret.
  Result<void> CheckSecrets(const OrgId& org, const SecretMap& secrets, const EnvMap& env) const;
  Task<Result<Sandbox>> RunSetSecrets(EntryPtr entry, SecretMap secrets);
  // Tells the toolbox what commands find in their environment.
  Task<Result<void>> Configure(EntryPtr entry);

  // --- lifecycle.cc
  Task<Result<Sandbox>> RunStart(EntryPtr entry);
  Task<Result<Sandbox>> RunStop(EntryPtr entry, StopMode mode);
  Task<Result<Sandbox>> RunDelete(EntryPtr entry);
  // The three below assume that the caller holds the entry's turn.
  Task<Result<Sandbox>> StartHeld(EntryPtr entry);
  Task<Result<Sandbox>> StopHeld(EntryPtr entry, StopMode mode);
  Task<Result<Sandbox>> DeleteHeld(EntryPtr entry);

  // --- pause.cc
  Task<Result<Sandbox>> RunPause(EntryPtr entry);
  Task<Result<Sandbox>> PauseHeld(EntryPtr entry);
  Task<Result<Sandbox>> ResumeHeld(EntryPtr entry);
  Task<Result<void>> Attach(EntryPtr entry);
  // After a restart, the door shut: its pause or its resuming is finished.
  Task<Result<Sandbox>> FinishPause(EntryPtr entry);
  Task<Result<Sandbox>> FinishResume(EntryPtr entry);

  // --- resize.cc
  Task<Result<Sandbox>> RunResize(EntryPtr entry, ResourcesPatch patch);
  Result<void> AdmitResize(const Sandbox& now, const Resources& wanted);
  // The row in another state, with other limits; the time that it came into its state stays.
  Sandbox Resized(const EntryPtr& entry, State state, const Resources& resources) const;
  Task<Result<Sandbox>> FinishResize(EntryPtr entry, std::optional<proto::runner::BoxState> box);

  // --- change.cc
  Task<Result<Sandbox>> RunChange(EntryPtr entry, Edit edit, Inform inform);

  // --- snapshots.cc
  Task<Result<Snapshot>> RunSnapshot(EntryPtr entry, Snapshot row);
  Task<void> StartAgain(EntryPtr entry);
  // Whether the runner would take one: what it would refuse is refused before anything stops.
  Result<void> CheckCanSave() const;
  Task<Result<void>> SaveSnapshotRow(Snapshot row);
  Task<Result<void>> DropSnapshotRow(std::string id);
  Task<Result<Snapshot>> RunHostCapture();
  Task<void> CollectImages();
  Task<bool> CollectImagesOnce();
  const Snapshot* FindSnapshot(const OrgId& org, std::string_view id_or_name) const;
  bool ImageInUse(const ImageId& image) const;

  // --- warm_pools.cc
  Pool::Deps PoolDeps();
  static Wanted WantedBy(const proto::runner::BoxCreate& request);
  Promised PromisedWithPool() const;
  // For what was just admitted: pooled boxes that would hold too much beside it go.
  void PoolGivesWay(const Wanted& wanted);
  std::optional<proto::runner::BoxCreate> PoolModel(const OrgId& org,
                                                    const std::string& snapshot) const;
  // Tells the pool what to keep; after each change of snapshots and pools.
  void ArrangePool();
  WarmPool Seen(WarmPool pool) const;
  Task<Result<WarmPool>> SaveWarmPoolRow(WarmPool pool);

  // --- recover.cc
  Task<Result<void>> AdoptRunning(EntryPtr entry);
  Task<Result<void>> AdoptHeld(EntryPtr entry);
  Task<void> Resume(EntryPtr entry, std::optional<proto::runner::BoxState> box);
  Task<Result<Sandbox>> ResumeCreate(EntryPtr entry, std::optional<proto::runner::BoxState> box);
  Task<void> RemoveOrphan(SandboxId id);
  Task<void> RunDoorBroken(EntryPtr entry);
  Task<void> RunExited(EntryPtr entry, proto::runner::BoxExited event);

  // --- timers.cc
  Task<void> CheckForEver();
  void CheckTimes(WallTime now);
  enum class WhenIdle { kStop, kPause };
  Task<void> ActIfIdle(EntryPtr entry, WhenIdle what);
  Task<void> DeleteDue(EntryPtr entry);

  struct Listener {
    std::function<void(const control::Change&)> callback;
  };

  Deps deps_;
  Settings settings_;
  std::unordered_map<SandboxId, EntryPtr> entries_;
  Promises promises_;  // of all in entries_; kept by Insert, Remove and Adopt
  std::map<std::pair<OrgId, std::string>, SandboxId> by_name_;
  std::map<std::tuple<OrgId, std::string, std::string>, SandboxId> by_idempotency_key_;
  std::map<std::string, Snapshot> snapshots_;   // by id
  std::map<std::string, WarmPool> warm_pools_;  // by id
  std::vector<std::weak_ptr<Listener>> listeners_;
  std::optional<Background<Snapshot>> host_capture_;
  std::vector<Runner::OnProgress> host_progress_;
  std::unordered_set<std::string> used_snapshots_;  // their last_used_at is newer than the row
  std::unordered_set<SandboxId> timed_;             // those that a timer acts on right now
  Pool pool_;
  async::TaskGroup tasks_;  // last: its tasks use all the others
};

}  // namespace cove::control
