// The snapshot that Codex sessions start from: the host's image with Codex and its configuration.
// It is made once, through the API, in a builder sandbox that is deleted again; a second maker at
// the same time finds it made.
#pragma once

#include "agents/api_client.h"
#include "agents/remote_command.h"

namespace cove::agents {

// The snapshot's name. `on_progress` gets lines for people; a first time takes as long as npm does.
Task<Result<std::string>> EnsureCodexSnapshot(ApiClient& api, OnLine on_progress);

}  // namespace cove::agents
