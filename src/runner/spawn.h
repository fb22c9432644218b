// Starts this very program again with another verb: the front, and workers.
//
// The child gets standard input from /dev/null, standard output and error on the runner's standard
// error, the descriptors named, and nothing else. It is in a session of its own (a Ctrl-C at the
// terminal reaches the runner only) and is killed when the runner dies.
// Thread: the runner's only one; returns once the child has executed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::runner {

struct SpawnRequest {
  std::vector<std::string> args;         // after "cove"
  std::vector<std::string> env;          // "NAME=value"
  std::vector<std::pair<int, int>> fds;  // descriptor here, number there (from 3 on)
  std::optional<uid_t> unprivileged;     // this uid and gid, no groups, no capability, no_new_privs
  uint64_t namespaces = 0;               // CLONE_NEW*
};

// A child process; killed and reaped when dropped before it has ended.
class Child {
 public:
  Child() = default;
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child() { Drop(); }

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Its wait status, as wait(2) gives it. Call once.
  async::Task<int> Wait();

 private:
  void Drop();
  int Reap();
  pid_t pid_ = 0;  // 0: none, or reaped
  UniqueFd pidfd_;
};

Result<Child> Spawn(const SpawnRequest& request);

}  // namespace cove::runner
