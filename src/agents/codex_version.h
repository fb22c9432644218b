// The one place that names the version of Codex that Cove installs and is tested with.
// Scripts read it from here too: keep the line's form.
#pragma once

namespace cove::agents {

inline constexpr char kCodexVersion[] = "0.169.0";

}  // namespace cove::agents
