// The snapshot that Codex sessions start from: the host's image with Codex and its configuration.
// It is made once, through the API, in a builder sandbox that is deleted again; a second maker at
// the same time finds it made.
#pragma once

#include "agents/api_client.h"
#include "agents/remote_command.h"

namespace cove::agents {

// The snapshot's name. `on_progress` gets lines for people; a first time takes as long as npm does.
// While a builder sandbox exists its id stands in `builder`, so that a caller who drops the task
// can delete it (DeleteSandbox); it must outlive the task.
Task<Result<std::string>> EnsureCodexSnapshot(ApiClient& api, OnLine on_progress,
                                              std::string* builder);

// One that is gone already is fine.
Task<Result<void>> DeleteSandbox(ApiClient& api, std::string id_or_name);

}  // namespace cove::agents
