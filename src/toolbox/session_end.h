// The end of a session: everything that belongs to its shell is asked to end, then made to.
// Waiting is on pidfds: no polling, and no signal hits a number that was reused.
#pragma once

#include "async/task.h"
#include "base/clock.h"
#include "toolbox/children.h"
#include "toolbox/process_tree.h"

namespace cove::toolbox {

inline constexpr seconds kTermGrace{5};
inline constexpr seconds kKillWait{2};
// Processes watched at once; what is over that is killed in further rounds.
inline constexpr size_t kMembersMax = 512;

struct Member {
  pid_t pid = 0;
  UniqueFd pidfd;
};

// The processes in the kernel session of a shell that has just ended.
std::vector<Member> OpenOrphans(pid_t shell);

// `orphans`: from OpenOrphans if the shell has ended, else empty. Returns when nothing of it is
// left (or kKillWait after SIGKILL, if the kernel cannot end a process).
async::Task<void> EndShell(Child& shell, std::vector<Member> orphans);

}  // namespace cove::toolbox
