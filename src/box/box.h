// `cove box`: Codex in a disposable sandbox that sees one project directory of this machine. It
// needs no server: it starts one of its own, and leaves nothing of it. docs/box.md is its manual.
#pragma once

#include <string>
#include <vector>

namespace cove::box {

// `args`: after "box". Gives Codex's exit code; 1 for what was refused or failed before, 130 when
// it was interrupted then.
int BoxMain(const std::vector<std::string>& args);

}  // namespace cove::box
