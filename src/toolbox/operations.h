// What the operations of a toolbox share, and their entry points: each serves one connection, from
// the request frame to the last reply. The caller destroys the task when the host hangs up.
// An error that an operation returns is sent as kError by the caller.
#pragma once

#include "proto/shared_channel.h"
#include "toolbox/leftovers.h"
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

struct Shared {
  Result<Account> AccountOf(const std::string& user) const;

  Spawner& spawner;
  Leftovers& leftovers;
  std::string shell;
  std::string default_user;     // for requests that name none; empty: daytona, else root
  std::string home;             // standalone only: instead of the account's
  proto::toolbox::EnvList env;  // Configure's
  uint32_t running = 0;         // execs and session commands that have not ended
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

Task<Result<void>> RunExec(Shared& shared, SharedChannel& channel,
                           proto::toolbox::ExecRequest request);

// The status of a process as wait(2) gives it.
proto::toolbox::ExitStatus StatusOf(int wait_status);

// Makes a path of a request absolute: relative ones start at the home. kInvalid: empty, or a NUL.
Result<std::string> Absolute(const std::string& path, const std::string& home);

}  // namespace cove::toolbox
