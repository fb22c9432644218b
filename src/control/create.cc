#include <cmath>

#include "async/deadline.h"
#include "base/text.h"
#include "control/fingerprint.h"
#include "control/gib.h"
#include "control/impl.h"
#include "control/rows.h"
#include "control/validate.h"
#include "log/log.h"

namespace cove::control {
namespace {

// The time since `*mark`, which moves on to now.
microseconds Lap(TimePoint* mark) {
  const TimePoint start = std::exchange(*mark, Now());
  return std::chrono::duration_cast<microseconds>(*mark - start);
}

}  // namespace

Task<Result<Sandbox>> Sandboxes::Impl::Create(CreateRequest request) {
  CO_RETURN_IF_ERROR(CheckCreate(request));
  CO_RETURN_IF_ERROR(CheckTarget(request.target));
  // Looked for again after each wait: of two requests with one key only one may come through.
  Result<Snapshot> snapshot = Error(Code::kInternal, "not looked up");
  for (;;) {
    CO_ASSIGN_OR_RETURN(const EntryPtr first, WithKey(request));
    if (first) {
      const Turn turn = co_await first->turnstile.Enter();
      if (!first->gone) co_return first->sandbox;
    } else if (snapshot.ok()) {
      break;
    } else {
      snapshot = co_await SnapshotFor(request.org, request.snapshot);
      if (!snapshot) co_return std::move(snapshot).error();
    }
  }
  // From here to the entry in the map nothing waits: the name and what was promised are ours.
  CO_ASSIGN_OR_RETURN(Sandbox draft, Draft(request, *snapshot));
  auto ready = pool_.Take(BoxRequest(draft));
  if (ready) draft.id = ready->info.id;
  if (request.name.empty()) draft.name = draft.id.value;
  auto entry = std::make_shared<Entry>();
  entry->sandbox = std::move(draft);
  pool_.NoteRequest();
  if (!ready) PoolGivesWay(WantedBy(BoxRequest(entry->sandbox)));
  Insert(entry);
  Turn turn = co_await entry->turnstile.Enter();
  Task<Result<Sandbox>> task = ready ? RunClaim(entry, std::move(turn), *std::move(ready))
                                     : RunCreate(entry, std::move(turn));
  const Background<Sandbox> work(tasks_, std::move(task));
  co_return co_await work.Wait();
}

Result<void> Sandboxes::Impl::CheckTarget(const std::string& target) const {
  if (target.empty() || target == settings_.target) return Ok();
  return Error(Code::kNotFound, "there is no target '" + target + "' here: leave it out or use '" +
                                    settings_.target + "'");
}

// Null: there is none.
Result<Sandboxes::Impl::EntryPtr> Sandboxes::Impl::WithKey(const CreateRequest& request) const {
  if (request.idempotency_key.empty()) return EntryPtr();
  const auto known =
      by_idempotency_key_.find({request.org, request.created_by, request.idempotency_key});
  if (known == by_idempotency_key_.end()) return EntryPtr();
  const EntryPtr first = entries_.at(known->second);
  const std::string& print = first->sandbox.idempotency_print;
  if (print.empty() || print == FingerprintOf(request)) return first;
  return Error(Code::kConflict,
               "the Idempotency-Key '" + request.idempotency_key + "' has made sandbox " +
                   first->sandbox.id.value +
                   ", which was asked for with another body: send a new key for another sandbox, "
                   "or the first body again to get this one");
}

Task<Result<Snapshot>> Sandboxes::Impl::SnapshotFor(OrgId org, std::string name) {
  if (name.empty()) name = settings_.default_snapshot;
  const Snapshot* found = FindSnapshot(org, name);
  if (found != nullptr && found->state == SnapshotState::kActive) co_return *found;
  if (name == kHostSnapshot) {
    co_return co_await async::WithDeadline(EnsureHostImage({}), Now() + settings_.image_deadline,
                                           "the first capture of the host image");
  }
  if (found == nullptr) {
    co_return Error(Code::kInvalid, "there is no snapshot '" + name +
                                        "': GET /api/snapshots lists them, 'host' is built in");
  }
  co_return Error(Code::kInvalid, "snapshot '" + name + "' is " +
                                      std::string(SnapshotStateName(found->state)) +
                                      ", not active: wait for it or choose another");
}

// A snapshot's profile is a promise about everything that is made of it.
Result<Profile> Sandboxes::Impl::ProfileFor(const CreateRequest& request,
                                            const Snapshot& snapshot) const {
  const bool host = snapshot.org.empty() && snapshot.name == kHostSnapshot;
  const Profile least = host ? settings_.host_profile : snapshot.profile;
  const Profile wanted = request.profile.value_or(least);
  if (proto::Tighter(wanted, least) == wanted) return wanted;
  return Error(Code::kInvalid,
               "snapshot '" + snapshot.name + "' has the profile '" +
                   std::string(proto::ProfileName(least)) +
                   "', which a sandbox may tighten but not loosen: leave 'profile' out");
}

// The record that the request asks for, if it may be made.
Result<Sandbox> Sandboxes::Impl::Draft(const CreateRequest& request,
                                       const Snapshot& snapshot) const {
  Sandbox s;
  s.id = SandboxId(NewUuid());
  s.org = request.org;
  s.name = request.name;  // empty: its id, once that is known
  s.snapshot = snapshot.name;
  s.ancestors = snapshot.ancestors;
  s.image = snapshot.image;
  ASSIGN_OR_RETURN(s.profile, ProfileFor(request, snapshot));
  s.user = request.user.empty() ? "daytona" : request.user;
  s.created_by = request.created_by;
  s.target = settings_.target;
  s.env = request.env;
  s.secrets = request.secrets;
  s.labels = request.labels;
  s.is_public = request.is_public;
  s.network = request.network;
  s.idempotency_key = request.idempotency_key;
  if (!s.idempotency_key.empty()) s.idempotency_print = FingerprintOf(request);
  s.resources = snapshot.resources.value_or(settings_.defaults);
  if (request.cpu) s.resources.cpu = *request.cpu;
  if (request.memory_gib) s.resources.memory_gib = *request.memory_gib;
  if (request.disk_gib) s.resources.disk_gib = *request.disk_gib;
  if (request.pids) s.resources.pids = *request.pids;
  if (request.io_weight) s.resources.io_weight = *request.io_weight;
  s.intervals = settings_.intervals;
  // At most one of the two is on: who asks for one does not want the other's default.
  if (request.auto_pause.value_or(0) > 0) s.intervals.auto_stop = 0;
  if (request.auto_stop.value_or(0) > 0) s.intervals.auto_pause = 0;
  if (request.auto_stop) s.intervals.auto_stop = *request.auto_stop;
  if (request.auto_pause) s.intervals.auto_pause = *request.auto_pause;
  if (request.auto_archive) s.intervals.auto_archive = *request.auto_archive;
  if (request.auto_delete) s.intervals.auto_delete = *request.auto_delete;
  if (request.ttl) s.intervals.ttl = *request.ttl;
  s.preview_generation = RandomHex(16);
  s.created_at = s.updated_at = s.last_activity_at = deps_.wall();
  s.state_since = s.ttl_since = s.created_at;

  RETURN_IF_ERROR(CheckIntervals(s.intervals));
  RETURN_IF_ERROR(CheckSecrets(s.org, s.secrets, s.env));
  if (deps_.door.check) RETURN_IF_ERROR(deps_.door.check(s.network));
  const MachineFacts machine = deps_.machine();
  RETURN_IF_ERROR(CheckResources(s.resources, settings_, machine));
  if (by_name_.contains({s.org, s.name})) {
    return Error(Code::kConflict, "a sandbox named '" + s.name +
                                      "' exists already: choose another name or delete it first");
  }
  Wanted wanted;
  wanted.memory_gib = s.resources.memory_gib;
  wanted.disk_gib = s.resources.disk_gib;
  RETURN_IF_ERROR(Admit(wanted, promises_.now(), settings_, machine));
  return s;
}

// The row is written, and safe against a power cut, beside the making of the box, which takes about
// as long: a box that a killed front leaves without a row is removed by the next one. The last save
// is not waited for: a row that still says "creating" is finished by Recover().
Task<Result<Sandbox>> Sandboxes::Impl::RunCreate(EntryPtr entry, Turn turn) {
  const Turn held = std::move(turn);
  const Sandbox draft = entry->sandbox;
  Phases phases;
  TimePoint mark = Now();
  const Background<void> saved(tasks_, WriteRow(draft, store::Durability::kMachine));
  Result<void> made = co_await MakeBox(entry, &phases);
  Lap(&mark);
  Result<void> durable = co_await saved.Wait();
  phases.row = Lap(&mark);
  if (durable) Notify(draft, std::nullopt);
  if (!durable) made = std::move(durable);
  if (!made) {
    log::Warn("sandbox.create_failed",
              {{"sandbox", draft.id.value}, {"error", made.error().message()}});
    co_await Undo(entry);
    co_return std::move(made).error().Wrap("create sandbox " + draft.name);
  }
  const Sandbox started = With(entry, State::kStarted);
  tasks_.Spawn(SaveBehind(started));
  Adopt(entry, started);
  NoteUse(draft);
  log::Info("sandbox.created", {{"sandbox", draft.id.value},
                                {"snapshot", draft.snapshot},
                                {"box_us", phases.box.count()},
                                {"toolbox_us", phases.toolbox.count()},
                                {"row_wait_us", phases.row.count()}});
  co_return entry->sandbox;
}

void Sandboxes::Impl::NoteUse(const Sandbox& sandbox) {
  if (const Snapshot* used = FindSnapshot(sandbox.org, sandbox.snapshot)) {
    snapshots_[used->id].last_used_at = deps_.wall();
    used_snapshots_.insert(used->id);
  }
}

// The box runs already, so one row that says "started" is enough: if it is all that a killed front
// leaves, the next one adopts the box, which opens its door and sets its environment. Until the
// row is durable nobody knows the sandbox; without it the box is removed at the next start.
Task<Result<Sandbox>> Sandboxes::Impl::RunClaim(EntryPtr entry, Turn turn, proto::RunningBox box) {
  const Turn held = std::move(turn);
  const Sandbox draft = entry->sandbox;
  const Sandbox started = With(entry, State::kStarted);
  TimePoint mark = Now();
  const Background<void> saved(tasks_, WriteRow(started, store::Durability::kMachine));
  Result<void> up = co_await BringUp(entry, std::move(box));
  const microseconds toolbox = Lap(&mark);
  Result<void> durable = co_await saved.Wait();
  const microseconds row = Lap(&mark);
  if (durable) Notify(draft, std::nullopt);
  if (durable && !up) up = co_await ClaimedBoxFailed(entry, std::move(up).error());
  if (!durable) up = std::move(durable);
  if (!up) {
    co_await Undo(entry);
    co_return std::move(up).error().Wrap("create sandbox " + draft.name);
  }
  if (entry->sandbox.state == State::kCreating) Adopt(entry, started);
  NoteUse(draft);
  log::Info("sandbox.claimed", {{"sandbox", draft.id.value},
                                {"snapshot", draft.snapshot},
                                {"toolbox_us", toolbox.count()},
                                {"row_wait_us", row.count()}});
  co_return entry->sandbox;
}

// It ended since it was made: it is made anew, as if there had been none.
Task<Result<void>> Sandboxes::Impl::ClaimedBoxFailed(EntryPtr entry, Error why) {
  log::Warn("pool.claim_failed", {{"sandbox", entry->sandbox.id.value}, {"error", why.message()}});
  CO_RETURN_IF_ERROR(co_await Save(entry, With(entry, State::kCreating)));
  auto deleted = co_await deps_.runner->DeleteBox(entry->sandbox.id);
  if (!deleted.ok() && deleted.error().code() != Code::kNotFound) co_return deleted;
  Phases phases;
  CO_RETURN_IF_ERROR(co_await MakeBox(entry, &phases));
  co_await SaveSeen(entry, With(entry, State::kStarted));
  co_return Ok();
}

Task<Result<void>> Sandboxes::Impl::MakeBox(EntryPtr entry, Phases* phases) {
  TimePoint mark = Now();
  auto box = co_await async::WithDeadline(deps_.runner->CreateBox(BoxRequest(entry->sandbox)),
                                          Now() + settings_.start_deadline, "making the sandbox");
  phases->box = Lap(&mark);
  if (!box) co_return std::move(box).error();
  auto up = co_await BringUp(entry, std::move(*box));
  phases->toolbox = Lap(&mark);
  co_return up;
}

proto::runner::BoxCreate Sandboxes::Impl::BoxRequest(const Sandbox& sandbox) const {
  proto::runner::BoxCreate request;
  request.id = sandbox.id;
  request.image = sandbox.image;
  request.hostname = sandbox.id.value;  // not the name: a box may be older than its sandbox
  request.profile = sandbox.profile;
  request.limits.cpu_millis = static_cast<uint32_t>(std::lround(sandbox.resources.cpu * 1000));
  request.limits.memory_bytes = BytesOf(sandbox.resources.memory_gib);
  request.limits.disk_bytes = BytesOf(sandbox.resources.disk_gib);
  const Resources& own = sandbox.resources;
  request.limits.pids = own.pids != 0 ? static_cast<uint32_t>(own.pids) : settings_.pids;
  if (own.io_weight != 0) request.limits.io_weight = static_cast<uint32_t>(own.io_weight);
  return request;
}

// Nothing stays: no box, no row. If the runner cannot delete the box now, the row stays as one to
// be destroyed, and the timer tries again.
Task<void> Sandboxes::Impl::Undo(EntryPtr entry) {
  TakeDown(entry);
  const SandboxId id = entry->sandbox.id;
  auto deleted = co_await deps_.runner->DeleteBox(id);
  if (!deleted.ok() && deleted.error().code() != Code::kNotFound) {
    Sandbox next = With(entry, State::kError, Desired::kDestroyed);
    next.error_reason = "it could not be made, nor removed yet: " + deleted.error().message();
    co_await SaveSeen(entry, std::move(next));
    co_return;
  }
  auto dropped = co_await deps_.store->Write(
      [id](store::Db& db) { return DeleteSandboxRow(db, id); }, store::Durability::kProcess);
  if (!dropped.ok()) {
    log::Error("sandbox.row_left", {{"sandbox", id.value}, {"error", dropped.error().message()}});
  }
  Remove(entry);
  Adopt(entry, With(entry, State::kDestroyed, Desired::kDestroyed));
}

Result<void> Sandboxes::Impl::OpenDoor(const EntryPtr& entry, proto::RunningBox box) {
  if (box.info.id != entry->sandbox.id) {
    return Error(Code::kInternal, "the runner answered for another sandbox");
  }
  std::string socket = box.info.toolbox_socket;
  if (auto attached = deps_.door.attach(entry->sandbox, std::move(box)); !attached) {
    return std::move(attached).error().Wrap("open the sandbox's door");
  }
  entry->attached = true;
  entry->toolbox_socket = std::move(socket);
  return Ok();
}

Task<Result<void>> Sandboxes::Impl::BringUp(EntryPtr entry, proto::RunningBox box) {
  CO_RETURN_IF_ERROR(OpenDoor(entry, std::move(box)));
  auto configured = co_await Configure(entry);
  if (!configured) {
    TakeDown(entry);
    co_return std::move(configured).error().Wrap("reach the sandbox's toolbox");
  }
  co_return Ok();
}

void Sandboxes::Impl::TakeDown(const EntryPtr& entry) {
  if (std::exchange(entry->attached, false)) deps_.door.detach(entry->sandbox.id);
  entry->toolbox_socket.clear();
}

}  // namespace cove::control
