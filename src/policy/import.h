// Other programs' network rules, translated to a policy document (TOML), with a comment wherever
// the document says less or more than what it was made from. What has no counterpart and would let
// more out than it says is an error with its line and column. Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::policy {

// Coder's Agent Firewall: texts "domain=… method=… path=…", one a line, bare, after `--allow`, or
// as items of the YAML list `allowlist`.
Result<std::string> ImportCoder(std::string_view text);

// Codex: `[permissions.PROFILE.network]` of its config.toml. An empty `profile` is the one that
// default_permissions names, or the only one.
Result<std::string> ImportCodex(std::string_view text, std::string_view profile);

// A host, pattern or network a line; '#' begins a comment, ".name" means the name and all below it.
Result<std::string> ImportDomains(std::string_view text);

}  // namespace cove::policy
