// The snapshot that Codex sessions start from: the host's image with Codex and its configuration.
// It is made once, through the API, in a builder sandbox that is deleted again; a second maker at
// the same time finds it made.
#pragma once

#include "agents/api_client.h"
#include "agents/remote_command.h"

namespace cove::agents {

// What a snapshot is made by: a script in a fresh sandbox of the host's image.
struct SnapshotRecipe {
  std::string name;
  std::string what;    // "Codex 0.169.0"
  std::string script;  // runs as the sandbox's user, with sudo
};

// Makes it unless it is there; else as EnsureCodexSnapshot.
Task<Result<void>> EnsureSnapshot(ApiClient& api, SnapshotRecipe recipe, OnLine on_progress,
                                  std::string* builder);

// The snapshot's name. `on_progress` gets lines for people; a first time takes as long as npm does.
// While a builder sandbox exists its id stands in `builder`, so that a caller who drops the task
// can delete it (DeleteSandbox); it must outlive the task.
Task<Result<std::string>> EnsureCodexSnapshot(ApiClient& api, OnLine on_progress,
                                              std::string* builder);

// One that is gone already is fine.
Task<Result<void>> DeleteSandbox(ApiClient& api, std::string id_or_name);

}  // namespace cove::agents
