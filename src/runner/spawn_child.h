// What a spawned child does before it executes. Only async-signal-safe calls: the memory is a copy
// of the runner's at an arbitrary instant. Everything it needs is laid out by the parent.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace cove::runner {

struct ChildPlan {
  char* const* argv;
  char* const* envp;
  const int* from;  // descriptors, numbered fd_first, fd_first + 1, ... in the child
  size_t fd_count;
  int null_fd;
  int error_fd;  // close-on-exec; gets a ChildFailure when anything fails
  bool unprivileged;
  uid_t uid;
  int parent_pidfd;  // close-on-exec; readable once the parent is dead
};

struct ChildFailure {
  int step;  // index into kChildSteps
  int err;
};

inline constexpr const char* kChildSteps[] = {"set up descriptors", "give up privileges",
                                              "tie it to the runner", "execute"};

[[noreturn]] void RunChild(const ChildPlan& plan);

}  // namespace cove::runner
