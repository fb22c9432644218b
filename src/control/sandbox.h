// Sandbox and Snapshot: what control knows about each, and what may be asked of it. Values.
//
// Units: cpu in cores, memory and disk in GiB (fractions are allowed), intervals in minutes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong_id.h"
#include "proto/profile.h"

namespace cove::control {

using proto::Profile;

// The states of the API (daytona-api) that this server can be in.
enum class State {
  kCreating,
  kStarting,
  kStarted,
  kStopping,
  kStopped,
  kPausing,
  kPaused,
  kResuming,
  kResizing,
  kSnapshotting,
  kDestroying,
  kDestroyed,
  kError,
};
std::string_view StateName(State state);
std::optional<State> ParseState(std::string_view name);

enum class Desired { kStarted, kStopped, kPaused, kDestroyed };
std::string_view DesiredName(Desired desired);

struct Resources {
  double cpu = 1;
  double memory_gib = 1;
  double disk_gib = 3;
  int pids = 0;       // processes and threads; 0: as the server's limits.pids has it
  int io_weight = 0;  // beside other sandboxes; 0: as all have it, 100
  bool operator==(const Resources&) const = default;
};

// Minutes. auto_stop and auto_pause: a started sandbox that was not used for so long is stopped or
// paused; 0 is off, and at most one of them is on. auto_delete: one that has been stopped for so
// long is deleted; −1 is off, 0 deletes on stop (an ephemeral sandbox). ttl: it is deleted so long
// after its creation (or after it was set anew), whatever it does then; 0 is off. auto_archive is
// told to clients and does nothing.
struct Intervals {
  int auto_stop = 15;
  int auto_pause = 0;
  int auto_archive = 7 * 24 * 60;
  int auto_delete = -1;
  int ttl = 0;
};

struct Network {
  bool block_all = false;
  std::string allow_list;         // CIDRs, comma separated; empty: no limit by address
  std::string domain_allow_list;  // names, comma separated, "*.x" allowed; empty: no limit by name
  // A policy document (JSON) in place of the lists; empty: none. Control keeps it, the door reads
  // it.
  std::string policy;
};

using EnvMap = std::map<std::string, std::string>;
// Variables of the environment, each with the name of the secret whose placeholder it holds.
using SecretMap = std::map<std::string, std::string>;
using Labels = std::map<std::string, std::string>;

struct Sandbox {
  SandboxId id;
  OrgId org;
  std::string name;      // unique in its organisation
  std::string snapshot;  // the name it was made from
  // What that was made from by way of sandboxes, from the first; their ceilings hold too.
  std::vector<std::string> ancestors;
  ImageId image;
  Profile profile = Profile::kDefault;
  State state = State::kCreating;
  Desired desired = Desired::kStarted;
  std::string error_reason;  // also set on a stopped one that ended by itself
  std::string user = "daytona";
  std::string created_by;  // the user whose key asked for it
  std::string target = "local";
  EnvMap env;  // what its creator gave; not what is injected
  SecretMap secrets;
  Labels labels;
  bool is_public = false;
  Resources resources;
  Intervals intervals;
  Network network;
  std::string preview_generation;  // see identity::Previews; changes at each start
  std::string idempotency_key;
  std::string idempotency_print;  // FingerprintOf() the request; empty: made before there were any
  WallTime created_at;
  WallTime updated_at;
  WallTime last_activity_at;
  WallTime state_since;    // when it came into its state
  WallTime ttl_since;      // what the ttl counts from
  uint64_t oom_kills = 0;  // processes killed for want of memory since its last start

  // A failed one can be tried again with Start.
  bool recoverable() const { return state == State::kError && desired != Desired::kDestroyed; }
  std::optional<WallTime> auto_destroy_at() const;
};

struct CreateRequest {
  OrgId org;
  std::string name;      // empty: the id
  std::string snapshot;  // empty: the default one; a name or an id
  EnvMap env;
  SecretMap secrets;
  Labels labels;
  // Absent: the snapshot's, then the configured default.
  std::optional<double> cpu;
  std::optional<double> memory_gib;
  std::optional<double> disk_gib;
  std::optional<int> pids;
  std::optional<int> io_weight;
  std::string user;  // empty: daytona
  std::string created_by;
  std::string target;  // empty: this machine's region
  bool is_public = false;
  std::optional<int> auto_stop;
  std::optional<int> auto_pause;
  std::optional<int> auto_archive;
  std::optional<int> auto_delete;
  std::optional<int> ttl;
  Network network;
  // Never looser than the snapshot's.
  std::optional<Profile> profile;
  // A second request with the same key of the same user in the same organisation gives the first
  // one's sandbox. kConflict: it asks for something else (decision 0107).
  std::string idempotency_key;
};

// Absent: as it is.
struct IntervalsPatch {
  std::optional<int> auto_stop;
  std::optional<int> auto_pause;
  std::optional<int> auto_archive;
  std::optional<int> auto_delete;
  std::optional<int> ttl;
};
struct ResourcesPatch {
  std::optional<double> cpu;
  std::optional<double> memory_gib;
  std::optional<double> disk_gib;
  std::optional<int> pids;
  std::optional<int> io_weight;
};
struct NetworkPatch {
  std::optional<bool> block_all;
  std::optional<std::string> allow_list;
  std::optional<std::string> domain_allow_list;
  std::optional<std::string> policy;
};

// What keeps a sandbox from being idle. Which of them do is one setting; kAsked always does.
enum class Activity {
  kAsked,     // POST last-activity
  kApi,       // a request to what is inside is under way: commands, files, logs that are followed
  kPreview,   // the same to a port inside
  kTerminal,  // a client is attached to a terminal
  kCommand,   // a command that was started through the API runs, attached or not
  kModel,     // something inside calls a model
};
std::string_view ActivityName(Activity activity);
std::optional<Activity> ParseActivity(std::string_view name);  // never kAsked

enum class SortKey { kCreatedAt, kLastActivityAt, kName, kCpu, kMemory, kDisk };
enum class SortOrder { kAscending, kDescending };

struct ListQuery {
  std::string cursor;  // from the page before
  size_t limit = 100;  // 1 to 200
  std::string id;      // a prefix
  std::string name;    // a part
  Labels labels;       // all must match
  std::vector<State> states;
  std::vector<std::string> snapshots;
  std::vector<std::string> targets;
  std::optional<double> cpu_min, cpu_max, memory_gib_min, memory_gib_max, disk_gib_min,
      disk_gib_max;
  std::optional<bool> is_public;
  std::optional<bool> is_recoverable;
  std::optional<WallTime> created_after, created_before, active_after, active_before,
      destroyed_after, destroyed_before;
  SortKey sort = SortKey::kCreatedAt;
  SortOrder order = SortOrder::kDescending;
};

struct ListPage {
  std::vector<Sandbox> items;
  std::string next_cursor;  // empty: the last page
  size_t total = 0;         // of all pages
};

enum class SnapshotState { kCreating, kActive, kError };
std::string_view SnapshotStateName(SnapshotState state);  // the API's words

// Boxes of a snapshot that are made ahead, so that creates find one ready.
struct WarmPool {
  std::string id;  // a UUID
  OrgId org;
  std::string snapshot;  // its name
  size_t size = 0;       // how many are to be ready
  WallTime created_at;
  WallTime updated_at;
  // As it is now, not in the row.
  std::string target;
  size_t ready = 0;
  Resources resources;
  std::string error_reason;
};
inline constexpr size_t kWarmPoolMax = 1000;

inline constexpr std::string_view kHostSnapshot = "host";

struct Snapshot {
  std::string id;  // a UUID
  OrgId org;       // empty: general, for every organisation
  std::string name;
  ImageId image;  // empty until active
  SnapshotState state = SnapshotState::kCreating;
  std::string error_reason;
  uint64_t bytes = 0;
  std::optional<Resources> resources;   // what its sandboxes get unless they ask for other
  std::string source_sandbox;           // an id, or empty
  std::vector<std::string> ancestors;   // as its sandboxes have them
  Profile profile = Profile::kDefault;  // of its sandboxes; "host": as configured
  WallTime created_at;
  WallTime updated_at;
  std::optional<WallTime> last_used_at;
};

}  // namespace cove::control
