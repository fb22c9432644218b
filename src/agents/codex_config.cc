#include "agents/codex_config.h"

#include <cstdint>
#include <cstdio>

#include "agents/codex_version.h"

namespace cove::agents {

namespace {

// web_search: a hosted search runs at the provider, past the door. The features that are off would
// only try to reach hosts that are not open. See docs/decisions/0082.
constexpr char kConfig[] =
    R"TOML(# Written by Cove: defaults, which your own configuration may change.
model = "gpt-5.5"
openai_base_url = "http://models.cove/openai/v1"
approval_policy = "never"
sandbox_mode = "danger-full-access"
web_search = "disabled"
check_for_update_on_startup = false
developer_instructions = """
You work in a sandbox of your own, as the user daytona with passwordless sudo.

To start a server, or anything else that must go on after your command has returned, use
cove-serve: it detaches the command, waits until it listens and tells you where its log is.

    cove-serve --port 8080 -- node server.mjs

A plain `&` or nohup does not survive the end of your command. Listen on 0.0.0.0 or 127.0.0.1, as
you like: the user is shown a link to every port that opens, so do not ask for one.

Only named hosts can be reached from here, package registries among them. When a host is refused,
say so instead of trying ways around.
"""

[analytics]
enabled = false

[feedback]
enabled = false

[features]
plugins = false
apps = false
api_key_model_discovery = false
unbounded_connection_retries = false
)TOML";

constexpr char kInstall[] = R"SH(set -e
want='codex-cli VERSION'
if [ "$(codex --version 2>/dev/null)" != "$want" ]; then
  command -v npm >/dev/null || { echo 'npm is not there: install Node and npm on the host, then delete the host image' >&2; exit 1; }
  cache=$(mktemp -d)
  sudo -n npm install --global --prefix /usr/local --cache "$cache" --no-audit --no-fund --no-update-notifier --loglevel=http '@openai/codex@VERSION'
  sudo -n rm -rf "$cache"
  [ "$(/usr/local/bin/codex --version)" = "$want" ] || { echo "codex does not run" >&2; exit 1; }
fi
sudo -n mkdir -p /etc/codex
sudo -n tee /etc/codex/config.toml >/dev/null <<'COVE_END'
CONFIGCOVE_END
sudo -n chmod 644 /etc/codex/config.toml
mkdir -p "$HOME/.codex"
)SH";

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string CodexConfig() { return kConfig; }

std::string CodexConfigForBox(const BoxCodexConfig& box) {
  std::string out = kConfig;
  if (box.models == BoxCodexConfig::Models::kOwnLogin) {
    ReplaceAll(out, "openai_base_url = \"http://models.cove/openai/v1\"\n", "");
  }
  if (box.web_search == BoxCodexConfig::WebSearch::kLive) {
    ReplaceAll(out, "web_search = \"disabled\"", "web_search = \"live\"");
  }
  ReplaceAll(out, "You work in a sandbox of your own, as the user daytona with passwordless sudo.",
             "You work in a sandbox of your own, on the project in the directory you start in. You "
             "are no\nadministrator there.");
  ReplaceAll(out,
             "Listen on 0.0.0.0 or 127.0.0.1, as\nyou like: the user is shown a link to every port "
             "that opens, so do not ask for one.",
             "A server there is reached from inside\nonly: the user sees no port of it.");
  ReplaceAll(out, "Only named hosts can be reached from here, package registries among them.",
             "Only hosts that the user has named can be reached from here.");
  return out;
}

std::string CodexInstallScript() { return CodexInstallScript(kCodexVersion); }

std::string CodexInstallScript(const std::string& version) {
  std::string script = kInstall;
  ReplaceAll(script, "VERSION", version);
  ReplaceAll(script, "CONFIG", kConfig);
  return script;
}

std::string RecipeFingerprint(std::string_view text) {
  uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", hash);
  return digits;
}

std::string CodexSnapshotName() {
  return std::string("codex-") + kCodexVersion + "-" + RecipeFingerprint(CodexInstallScript());
}

}  // namespace cove::agents
