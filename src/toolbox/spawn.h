// Spawner starts user processes: fork, become the user, exec. The start is awaited on the loop, so
// that a child that hangs in a chdir onto a dead mount stops nobody but its caller.
// Thread: loop-confined. Must outlive its calls.
#pragma once

#include <string>
#include <vector>

#include "proto/toolbox.h"
#include "toolbox/children.h"
#include "toolbox/confinement.h"

namespace cove::toolbox {

using async::Task;

enum class Wiring : uint8_t {
  kPipes,       // stdout and stderr apart
  kMergedPipe,  // stderr goes where stdout goes
  kTerminal,    // a pseudo terminal for all three
  kNothing,     // /dev/null for all three (the shell of a session)
};

struct InheritedFd {
  static constexpr int kEnd = 256;
  int from = -1;  // ours; stays open here
  int to = -1;    // its number in the child: over 2, below kEnd
};

struct SpawnPlan {
  Account account;
  std::vector<std::string> candidates;  // paths to execute, the first that exists wins
  std::vector<std::string> argv;
  // If not empty: what is executed (by its first word) when no candidate can be. The command stands
  // in for a shell then (plain_command.h) and gets the variables that a shell would set last, PWD
  // and _.
  std::vector<std::string> shell_argv;
  std::vector<std::string> env;
  std::string cwd;
  Wiring wiring = Wiring::kPipes;
  bool stdin_open = false;  // else stdin is /dev/null (not with a terminal)
  proto::toolbox::WindowSize window;
  std::vector<InheritedFd> inherited;
};

struct Spawned {
  std::unique_ptr<Child> child;
  UniqueFd input;   // non-blocking; with a terminal a duplicate of its master
  UniqueFd output;  // stdout, or the terminal's master
  UniqueFd error;
};

class Spawner {
 public:
  Spawner(Confinement confinement, Children& children)
      : confinement_(std::move(confinement)), children_(children) {}
  const Confinement& confinement() const { return confinement_; }
  Children& children() { return children_; }

  // An error says which step failed ("cannot start: folder /x: No such file or directory").
  Task<Result<Spawned>> Start(SpawnPlan plan);

 private:
  Confinement confinement_;
  Children& children_;
};

namespace internal {

// Everything that the child needs, laid out before the fork: it allocates nothing.
struct ChildPlan {
  const Confinement* confinement = nullptr;
  const Account* account = nullptr;
  std::vector<const char*> candidates;
  std::vector<char*> argv;
  std::vector<char*> shell_argv;  // empty: none
  // Before the end: places for PWD and _, if there is a shell_argv.
  mutable std::vector<char*> env;
  const char* cwd = nullptr;
  bool terminal = false;
  proto::toolbox::WindowSize window;
  int standard[3] = {-1, -1, -1};
  const std::vector<InheritedFd>* inherited = nullptr;
  int report = -1;  // SOCK_SEQPACKET: a terminal's master, or a Failure; closed by exec
};

struct Failure {
  Step step = Step::kNone;
  int error = 0;
};

// In the child, after fork. Does not return.
[[noreturn]] void RunChild(const ChildPlan& plan);

}  // namespace internal
}  // namespace cove::toolbox
