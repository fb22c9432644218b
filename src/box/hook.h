// The init hook: a script of the project's owner that runs in the box before Codex does. It lies
// where the agent can write, so it needs approval (approvals.h).
// Thread: any; calls block on the disk.
#pragma once

#include <optional>

#include "box/approvals.h"
#include "box/places.h"

namespace cove::box {

inline constexpr char kHookName[] = "init.sh";

// The script to run, or nothing. --init_script places one, and is its owner's approval.
Result<std::optional<std::string>> FindHook(const Args& args, const World& world,
                                            const Tree& project, const Tree& environment,
                                            const Approvals& approvals);

}  // namespace cove::box
