// What Codex finds in a sandbox: /etc/codex/config.toml, the lowest layer of its configuration, so
// that a project, a user or a flag can still say otherwise. Nothing in it is secret, and Cove's
// safety does not rest on it: keys are added outside and the door decides what leaves.
#pragma once

#include <string>
#include <string_view>

namespace cove::agents {

// `web_search`: "disabled" where nothing may pass the door unseen: a hosted search runs at the
// provider.
std::string CodexConfig();

// The same for a box, whose owner brings a configuration of their own.
struct BoxCodexConfig {
  enum class Models { kGateway, kOwnLogin } models = Models::kGateway;
  enum class WebSearch { kDisabled, kLive } web_search = WebSearch::kDisabled;
};
std::string CodexConfigForBox(const BoxCodexConfig& box);

// "codex-<version>-<8 hex digits of the recipe>": a change of recipe makes a new snapshot.
std::string CodexSnapshotName();

// The shell script that turns a sandbox of the host's image into one with Codex. It runs as the
// sandbox's user and uses sudo.
std::string CodexInstallScript();
std::string CodexInstallScript(const std::string& version);

// FNV-1a as 8 hex digits: names a recipe, protects nothing.
std::string RecipeFingerprint(std::string_view text);

}  // namespace cove::agents
