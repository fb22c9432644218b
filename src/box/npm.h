// npm, run outside by root: which version of Codex is the latest.
//
// npm believes the .npmrc of the directory it runs in, expands variables of its environment into
// that, and writes where it says. So it never runs in the project, is never one that lies there,
// and gets of the environment only what it takes to reach a registry.
// Thread: any; blocks until npm has ended.
#pragma once

#include "box/tree.h"
#include "box/world.h"

namespace cove::box {

// `home` is a directory of root's for npm's own files. kUnavailable: there is no npm, or it knows
// none; the text says what to do.
Result<std::string> LatestCodexVersion(const World& world, const Tree& project,
                                       const std::string& home);

}  // namespace cove::box
