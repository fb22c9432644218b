#include "control/rows.h"

#include "control/sandboxes.h"
#include "json/json.h"
#include "store/columns.h"

namespace cove::control {

const store::Migrations kMigrations = {{"control", 1, R"sql(
CREATE TABLE sandbox (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL,
  name TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  image TEXT NOT NULL,
  state TEXT NOT NULL,
  desired TEXT NOT NULL CHECK (desired IN ('started', 'stopped', 'destroyed')),
  error_reason TEXT NOT NULL,
  user_name TEXT NOT NULL,
  target TEXT NOT NULL,
  env TEXT NOT NULL,
  labels TEXT NOT NULL,
  is_public INTEGER NOT NULL,
  cpu REAL NOT NULL,
  memory_gib REAL NOT NULL,
  disk_gib REAL NOT NULL,
  auto_stop INTEGER NOT NULL,
  auto_pause INTEGER NOT NULL,
  auto_archive INTEGER NOT NULL,
  auto_delete INTEGER NOT NULL,
  ttl INTEGER NOT NULL,
  network_block_all INTEGER NOT NULL,
  network_allow_list TEXT NOT NULL,
  domain_allow_list TEXT NOT NULL,
  preview_generation TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_activity_at INTEGER NOT NULL,
  UNIQUE (org, name)
) STRICT;
CREATE TABLE snapshot (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL,
  name TEXT NOT NULL,
  image TEXT NOT NULL,
  state TEXT NOT NULL,
  error_reason TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  cpu REAL,
  memory_gib REAL,
  disk_gib REAL,
  source_sandbox TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_used_at INTEGER,
  UNIQUE (org, name)
) STRICT;
)sql"},
                                       {"control", 2, R"sql(
CREATE TABLE warm_pool (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
)sql"},
                                       // A CHECK cannot be changed in place.
                                       {"control", 3, R"sql(
CREATE TABLE sandbox_next (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL,
  name TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  image TEXT NOT NULL,
  state TEXT NOT NULL,
  desired TEXT NOT NULL CHECK (desired IN ('started', 'stopped', 'paused', 'destroyed')),
  error_reason TEXT NOT NULL,
  user_name TEXT NOT NULL,
  target TEXT NOT NULL,
  env TEXT NOT NULL,
  labels TEXT NOT NULL,
  is_public INTEGER NOT NULL,
  cpu REAL NOT NULL,
  memory_gib REAL NOT NULL,
  disk_gib REAL NOT NULL,
  auto_stop INTEGER NOT NULL,
  auto_pause INTEGER NOT NULL,
  auto_archive INTEGER NOT NULL,
  auto_delete INTEGER NOT NULL,
  ttl INTEGER NOT NULL,
  network_block_all INTEGER NOT NULL,
  network_allow_list TEXT NOT NULL,
  domain_allow_list TEXT NOT NULL,
  preview_generation TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_activity_at INTEGER NOT NULL,
  state_since INTEGER NOT NULL,
  ttl_since INTEGER NOT NULL,
  oom_kills INTEGER NOT NULL,
  UNIQUE (org, name)
) STRICT;
INSERT INTO sandbox_next SELECT *, last_activity_at, created_at, 0 FROM sandbox;
DROP TABLE sandbox;
ALTER TABLE sandbox_next RENAME TO sandbox;
)sql"},
                                       {"control", 4, R"sql(
ALTER TABLE sandbox ADD COLUMN profile TEXT NOT NULL DEFAULT 'default';
ALTER TABLE snapshot ADD COLUMN profile TEXT NOT NULL DEFAULT 'default';
)sql"},
                                       {"control", 5, R"sql(
ALTER TABLE sandbox ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
ALTER TABLE sandbox ADD COLUMN policy TEXT NOT NULL DEFAULT '';
)sql"},
                                       {"control", 6, R"sql(
ALTER TABLE sandbox ADD COLUMN secrets TEXT NOT NULL DEFAULT '{}';
)sql"},
                                       {"control", 7, R"sql(
ALTER TABLE sandbox ADD COLUMN ancestors TEXT NOT NULL DEFAULT '[]';
ALTER TABLE snapshot ADD COLUMN ancestors TEXT NOT NULL DEFAULT '[]';
)sql"},
                                       {"control", 8, R"sql(
ALTER TABLE sandbox ADD COLUMN pids INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sandbox ADD COLUMN io_weight INTEGER NOT NULL DEFAULT 0;
)sql"},
                                       {"control", 9, R"sql(
ALTER TABLE sandbox ADD COLUMN idempotency_print TEXT NOT NULL DEFAULT '';
)sql"}};

namespace {

std::string MapToJson(const std::map<std::string, std::string>& map) {
  json::Object object;
  for (const auto& [key, value] : map) object[key] = value;
  return json::Write(object);
}

std::map<std::string, std::string> MapFromJson(const std::string& text) {
  std::map<std::string, std::string> out;
  auto object = json::ParseObject(text);
  if (!object) return out;
  for (const auto& item : *object) {
    if (auto value = json::GetString(*object, item.key())) out[std::string(item.key())] = *value;
  }
  return out;
}

std::string ListToJson(const std::vector<std::string>& list) {
  json::Array array;
  for (const std::string& item : list) array.emplace_back(item);
  return json::Write(array);
}

std::vector<std::string> ListFromJson(const std::string& text) {
  std::vector<std::string> out;
  const auto value = json::Parse(text);
  if (!value || !value->is_array()) return out;
  for (const json::Value& item : value->as_array()) {
    if (item.is_string()) out.emplace_back(item.as_string());
  }
  return out;
}

Desired ParseDesired(const std::string& name) {
  if (name == "started") return Desired::kStarted;
  if (name == "paused") return Desired::kPaused;
  return name == "destroyed" ? Desired::kDestroyed : Desired::kStopped;
}

SnapshotState ParseSnapshotState(const std::string& name) {
  if (name == "active") return SnapshotState::kActive;
  return name == "error" ? SnapshotState::kError : SnapshotState::kCreating;
}

// What cannot be read is closed as far as it goes.
Profile ProfileOf(const std::string& name) {
  return proto::ParseProfile(name).value_or(Profile::kStrict);
}

Result<void> Done(Result<int64_t> changed) {
  RETURN_IF_ERROR(std::move(changed));
  return Ok();
}

constexpr std::string_view kSaveSandbox =
    "INSERT INTO sandbox (id, org, name, snapshot, image, state, desired, error_reason, user_name, "
    "target, env, labels, is_public, cpu, memory_gib, disk_gib, auto_stop, auto_pause, "
    "auto_archive, auto_delete, ttl, network_block_all, network_allow_list, domain_allow_list, "
    "preview_generation, idempotency_key, created_at, updated_at, last_activity_at, state_since, "
    "ttl_since, oom_kills, profile, created_by, policy, secrets, ancestors, pids, io_weight, "
    "idempotency_print) "
    "VALUES ($1, "
    "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, "
    "$22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, "
    "$40) ON "
    "CONFLICT "
    "(id) "
    "DO "
    "UPDATE SET "
    "state = $6, desired = "
    "$7, error_reason = $8, labels = $12, is_public = $13, cpu = $14, memory_gib = $15, disk_gib = "
    "$16, auto_stop = $17, auto_pause = $18, auto_archive = $19, auto_delete = $20, ttl = $21, "
    "network_block_all = $22, network_allow_list = $23, domain_allow_list = $24, "
    "preview_generation = $25, updated_at = $28, last_activity_at = $29, state_since = $30, "
    "ttl_since = $31, oom_kills = $32, policy = $35, secrets = $36, pids = $38, io_weight = $39";

constexpr std::string_view kLoadSandboxes =
    "SELECT id, org, name, snapshot, image, state, desired, error_reason, user_name, target, env, "
    "labels, is_public, cpu, memory_gib, disk_gib, auto_stop, auto_pause, auto_archive, "
    "auto_delete, ttl, network_block_all, network_allow_list, domain_allow_list, "
    "preview_generation, idempotency_key, created_at, updated_at, last_activity_at, state_since, "
    "ttl_since, oom_kills, profile, created_by, policy, secrets, ancestors, pids, io_weight, "
    "idempotency_print FROM sandbox";

Sandbox SandboxOf(const store::Row& row) {
  store::Columns c(row);
  Sandbox s;
  s.id = SandboxId(c.Text());
  s.org = OrgId(c.Text());
  s.name = c.Text();
  s.snapshot = c.Text();
  s.image = ImageId(c.Text());
  s.state = ParseState(c.Text()).value_or(State::kError);
  s.desired = ParseDesired(c.Text());
  s.error_reason = c.Text();
  s.user = c.Text();
  s.target = c.Text();
  s.env = MapFromJson(c.Text());
  s.labels = MapFromJson(c.Text());
  s.is_public = c.Flag();
  s.resources.cpu = c.Real();
  s.resources.memory_gib = c.Real();
  s.resources.disk_gib = c.Real();
  s.intervals.auto_stop = c.Int<int>();
  s.intervals.auto_pause = c.Int<int>();
  s.intervals.auto_archive = c.Int<int>();
  s.intervals.auto_delete = c.Int<int>();
  s.intervals.ttl = c.Int<int>();
  s.network.block_all = c.Flag();
  s.network.allow_list = c.Text();
  s.network.domain_allow_list = c.Text();
  s.preview_generation = c.Text();
  s.idempotency_key = c.Text();
  s.created_at = c.Time();
  s.updated_at = c.Time();
  s.last_activity_at = c.Time();
  s.state_since = c.Time();
  s.ttl_since = c.Time();
  s.oom_kills = c.Int<uint64_t>();
  s.profile = ProfileOf(c.Text());
  s.created_by = c.Text();
  s.network.policy = c.Text();
  s.secrets = MapFromJson(c.Text());
  s.ancestors = ListFromJson(c.Text());
  s.resources.pids = c.Int<int>();
  s.resources.io_weight = c.Int<int>();
  s.idempotency_print = c.Text();
  return s;
}

Snapshot SnapshotOf(const store::Row& row) {
  store::Columns c(row);
  Snapshot s;
  s.id = c.Text();
  s.org = OrgId(c.Text());
  s.name = c.Text();
  s.image = ImageId(c.Text());
  s.state = ParseSnapshotState(c.Text());
  s.error_reason = c.Text();
  s.bytes = c.Int<uint64_t>();
  const store::Value& cpu = c.Next();
  const double memory_gib = c.Real();
  const double disk_gib = c.Real();
  if (!cpu.is_null()) {
    s.resources = Resources{.cpu = cpu.Real(), .memory_gib = memory_gib, .disk_gib = disk_gib};
  }
  s.source_sandbox = c.Text();
  s.created_at = c.Time();
  s.updated_at = c.Time();
  const store::Value& used = c.Next();
  if (!used.is_null()) s.last_used_at = used.Time();
  s.profile = ProfileOf(c.Text());
  s.ancestors = ListFromJson(c.Text());
  return s;
}

}  // namespace

Result<void> SaveSandbox(store::Db& db, const Sandbox& s) {
  return Done(db.Run(kSaveSandbox, {s.id,
                                    s.org,
                                    s.name,
                                    s.snapshot,
                                    s.image,
                                    StateName(s.state),
                                    DesiredName(s.desired),
                                    s.error_reason,
                                    s.user,
                                    s.target,
                                    MapToJson(s.env),
                                    MapToJson(s.labels),
                                    s.is_public,
                                    s.resources.cpu,
                                    s.resources.memory_gib,
                                    s.resources.disk_gib,
                                    s.intervals.auto_stop,
                                    s.intervals.auto_pause,
                                    s.intervals.auto_archive,
                                    s.intervals.auto_delete,
                                    s.intervals.ttl,
                                    s.network.block_all,
                                    s.network.allow_list,
                                    s.network.domain_allow_list,
                                    s.preview_generation,
                                    s.idempotency_key,
                                    s.created_at,
                                    s.updated_at,
                                    s.last_activity_at,
                                    s.state_since,
                                    s.ttl_since,
                                    s.oom_kills,
                                    proto::ProfileName(s.profile),
                                    s.created_by,
                                    s.network.policy,
                                    MapToJson(s.secrets),
                                    ListToJson(s.ancestors),
                                    s.resources.pids,
                                    s.resources.io_weight,
                                    s.idempotency_print}));
}

Result<void> DeleteSandboxRow(store::Db& db, const SandboxId& id) {
  return Done(db.Run("DELETE FROM sandbox WHERE id = $1", {id}));
}

Result<void> SaveActivity(store::Db& db, const SandboxId& id, WallTime last_activity_at,
                          uint64_t oom_kills) {
  return Done(db.Run("UPDATE sandbox SET last_activity_at = $2, oom_kills = $3 WHERE id = $1",
                     {id, last_activity_at, oom_kills}));
}

Result<std::vector<Sandbox>> LoadSandboxes(store::Db& db) {
  ASSIGN_OR_RETURN(store::Rows rows, db.Query(kLoadSandboxes));
  std::vector<Sandbox> out;
  out.reserve(rows.size());
  for (const store::Row& row : rows) out.push_back(SandboxOf(row));
  return out;
}

Result<void> SaveSnapshot(store::Db& db, const Snapshot& s) {
  const auto real = [&s](double Resources::* member) {
    return s.resources ? store::Value((*s.resources).*member) : store::Value();
  };
  return Done(db.Run(
      "INSERT INTO snapshot (id, org, name, image, state, error_reason, bytes, cpu, memory_gib, "
      "disk_gib, source_sandbox, created_at, updated_at, last_used_at, profile, ancestors) VALUES "
      "($1, $2, "
      "$3, "
      "$4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (id) DO UPDATE SET "
      "image "
      "= $4, state = "
      "$5, error_reason = $6, bytes = $7, cpu = $8, memory_gib = $9, disk_gib = $10, updated_at = "
      "$13, last_used_at = $14",
      {s.id, s.org, s.name, s.image,
       s.state == SnapshotState::kCreating ? "creating" : SnapshotStateName(s.state),
       s.error_reason, s.bytes, real(&Resources::cpu), real(&Resources::memory_gib),
       real(&Resources::disk_gib), s.source_sandbox, s.created_at, s.updated_at,
       s.last_used_at ? store::Value(*s.last_used_at) : store::Value(),
       proto::ProfileName(s.profile), ListToJson(s.ancestors)}));
}

Result<void> DeleteSnapshotRow(store::Db& db, const std::string& id) {
  return Done(db.Run("DELETE FROM snapshot WHERE id = $1", {id}));
}

Result<std::vector<Snapshot>> LoadSnapshots(store::Db& db) {
  ASSIGN_OR_RETURN(
      store::Rows rows,
      db.Query("SELECT id, org, name, image, state, error_reason, bytes, cpu, memory_gib, "
               "disk_gib, source_sandbox, created_at, updated_at, last_used_at, profile, ancestors "
               "FROM snapshot"));
  std::vector<Snapshot> out;
  for (const store::Row& row : rows) out.push_back(SnapshotOf(row));
  return out;
}

Result<void> SaveWarmPool(store::Db& db, const WarmPool& p) {
  return Done(
      db.Run("INSERT INTO warm_pool (id, org, snapshot, size, created_at, updated_at) VALUES ($1, "
             "$2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET size = $4, updated_at = $6",
             {p.id, p.org, p.snapshot, static_cast<int64_t>(p.size), p.created_at, p.updated_at}));
}

Result<void> DeleteWarmPoolRow(store::Db& db, const std::string& id) {
  return Done(db.Run("DELETE FROM warm_pool WHERE id = $1", {id}));
}

Result<std::vector<WarmPool>> LoadWarmPools(store::Db& db) {
  ASSIGN_OR_RETURN(
      store::Rows rows,
      db.Query("SELECT id, org, snapshot, size, created_at, updated_at FROM warm_pool"));
  std::vector<WarmPool> out;
  for (const store::Row& row : rows) {
    store::Columns c(row);
    WarmPool& p = out.emplace_back();
    p.id = c.Text();
    p.org = OrgId(c.Text());
    p.snapshot = c.Text();
    p.size = static_cast<size_t>(c.Int());
    p.created_at = c.Time();
    p.updated_at = c.Time();
  }
  return out;
}

}  // namespace cove::control
