// Which processes belong to a session: read from /proc, as proc(5) describes it. What is read is a
// moment's picture: processes come and go meanwhile. Thread: pure functions.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace cove::toolbox {

struct ProcessRow {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  char state = '?';
  uint32_t flags = 0;  // PF_* of the kernel
  std::string name;    // what it calls itself, in printable ASCII without quotes and backslashes
};

std::vector<ProcessRow> ListProcesses();

// The shell, its descendants, and whatever is in its kernel session. Not a process that the shell
// itself started and that made a session of its own (setsid server &): it was detached on purpose,
// with all that descends from it. What such a server's starter left behind has PID 1 as its
// parent and is no descendant.
std::vector<pid_t> MembersOfShell(const std::vector<ProcessRow>& all, pid_t shell);

// A signal is just ending it; of those that did not run since the signal came only SIGKILL counts.
// One that is dead does not: its parent may leave it so for long.
bool DiesOfKill(const ProcessRow& row);

// Its parent, the parent's parent and so on, without PID 1.
std::vector<pid_t> AncestorsOf(const std::vector<ProcessRow>& all, pid_t pid);

// The processes of `pids` and all that descends from them.
std::vector<pid_t> WithDescendants(const std::vector<ProcessRow>& all, std::vector<pid_t> pids);

}  // namespace cove::toolbox
