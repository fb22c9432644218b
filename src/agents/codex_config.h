// What Codex finds in a sandbox: /etc/codex/config.toml, the lowest layer of its configuration, so
// that a project, a user or a flag can still say otherwise. Nothing in it is secret, and Cove's
// safety does not rest on it: keys are added outside and the door decides what leaves.
#pragma once

#include <string>

namespace cove::agents {

std::string CodexConfig();

// "codex-<version>-<8 hex digits of the recipe>": a change of recipe makes a new snapshot.
std::string CodexSnapshotName();

// The shell script that turns a sandbox of the host's image into one with Codex. It runs as the
// sandbox's user and uses sudo.
std::string CodexInstallScript();

}  // namespace cove::agents
