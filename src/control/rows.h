// The rows of control: what of a sandbox and a snapshot is durable, and how. All functions run in a
// unit of work of the store. Maps are stored as JSON objects, times as microseconds since 1970.
#pragma once

#include "control/sandbox.h"
#include "store/store.h"

namespace cove::control {

// Writes the whole row, new or not. kConflict: another sandbox of the organisation has the name.
Result<void> SaveSandbox(store::Db& db, const Sandbox& sandbox);
Result<void> DeleteSandboxRow(store::Db& db, const SandboxId& id);
Result<void> SaveActivity(store::Db& db, const SandboxId& id, WallTime last_activity_at,
                          uint64_t oom_kills);
Result<std::vector<Sandbox>> LoadSandboxes(store::Db& db);

Result<void> SaveWarmPool(store::Db& db, const WarmPool& pool);
Result<void> DeleteWarmPoolRow(store::Db& db, const std::string& id);
Result<std::vector<WarmPool>> LoadWarmPools(store::Db& db);

Result<void> SaveSnapshot(store::Db& db, const Snapshot& snapshot);
Result<void> DeleteSnapshotRow(store::Db& db, const std::string& id);
Result<std::vector<Snapshot>> LoadSnapshots(store::Db& db);

}  // namespace cove::control
