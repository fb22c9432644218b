// The init hook: a script of the project's owner that runs in the box before Codex does.
//
// It lies where the agent can write, so what runs is never simply what lies there: the SHA-256 of
// what its owner approved is kept in `pins`, a directory of root's, and the box is shown a copy of
// the very bytes that were compared. Thread: any; calls block on the disk.
#pragma once

#include <optional>

#include "box/consent.h"
#include "box/places.h"

namespace cove::box {

inline constexpr char kHookName[] = "init.sh";

// The script to run, or nothing. --init_script places one, and is its owner's approval.
Result<std::optional<std::string>> FindHook(const Args& args, const World& world,
                                            const Tree& project, const Tree& environment,
                                            const Tree& pins, const Consent& consent);

}  // namespace cove::box
