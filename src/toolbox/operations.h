// What the operations of a toolbox share, and their entry points: each serves one connection, from
// the request frame to the last reply. The caller destroys the task when the host hangs up.
// An error that an operation returns is sent as kError by the caller.
#pragma once

#include <set>

#include "proto/shared_channel.h"
#include "toolbox/clock.h"
#include "toolbox/leftovers.h"
#include "toolbox/oom_watch.h"
#include "toolbox/spawn.h"

namespace cove::toolbox {

using proto::Frame;
using proto::toolbox::SharedChannel;
using proto::toolbox::Type;

// After its main process has ended, a command's output may still be on its way from helpers that
// end a moment later (`> >(tee log)`); what daemons keep open is not waited for any longer.
inline constexpr milliseconds kOutputGrace{100};
// What is read at most after that: what the largest pipe of a user can hold.
inline constexpr size_t kDrainMax = 1024 * 1024;
// The exit code of what SIGKILL ended, also as a shell passes it on.
inline constexpr int32_t kKilledCode = 128 + 9;

struct Shared {
  Result<Account> AccountOf(const std::string& user) const;
  // Commands that run: those counted in `running`, and terminals with one in front of their shell.
  uint32_t Busy() const;

  Spawner& spawner;
  Leftovers& leftovers;
  OomWatch& oom;
  std::string shell;
  std::string default_user;     // for requests that name none; empty: daytona, else root
  std::string home;             // standalone only: instead of the account's
  proto::toolbox::EnvList env;  // Configure's
  uint32_t running = 0;         // execs and session commands that have not ended; no terminals
  std::set<const Spawned*> terminals;
  Clock clock;
};

// Counts one running command for as long as it lives.
class RunningMark {
 public:
  explicit RunningMark(Shared& shared) : shared_(shared) { ++shared_.running; }
  ~RunningMark() { --shared_.running; }
  RunningMark(const RunningMark&) = delete;

 private:
  Shared& shared_;
};

// Keeps a terminal in `terminals` for as long as it lives.
class TerminalMark {
 public:
  TerminalMark(Shared& shared, const Spawned* terminal) : shared_(shared), terminal_(terminal) {
    shared_.terminals.insert(terminal_);
  }
  ~TerminalMark() { shared_.terminals.erase(terminal_); }
  TerminalMark(const TerminalMark&) = delete;

 private:
  Shared& shared_;
  const Spawned* terminal_;
};

Task<Result<void>> RunExec(Shared& shared, SharedChannel& channel,
                           proto::toolbox::ExecRequest request);

// For the caller of what the end of the sandbox has ended, in place of a status: kClosed, as if the
// connection had broken off, which it does a moment later; the host knows why (decision 0068).
Error EndedWithSandbox();

// Puts what memory running out has to do with a command's end into how it ended, an ExitStatus or a
// CommandInfo, whose exit code was `code`.
template <class Status>
void TakeToll(const OomToll& toll, int32_t code, Status* status) {
  status->oom_kills = toll.kills;
  status->oom_own = toll.own;
  status->oom_unseen = toll.unseen();
  status->oom_names = toll.names;
  const bool killed = code == kKilledCode;
  if (toll.own > 0 || (killed && toll.unseen() > 0)) {
    status->reason = proto::toolbox::ExitReason::kOom;
  }
  if (killed && toll.by_host > 0) status->reason = proto::toolbox::ExitReason::kHostOom;
}

// The status of a process as wait(2) gives it.
proto::toolbox::ExitStatus StatusOf(int wait_status);

// Makes a path of a request absolute: relative ones start at the home. kInvalid: empty, or a NUL.
Result<std::string> Absolute(const std::string& path, const std::string& home);

}  // namespace cove::toolbox
