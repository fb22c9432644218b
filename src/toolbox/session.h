// Session: one long-lived shell that runs commands one after the other, so that exports, functions
// and the working directory last from one to the next. It does not depend on any connection: the
// host may restart at any moment and find sessions, running commands and logs as they are.
// Thread: loop-confined.
#pragma once

#include <deque>
#include <map>

#include "toolbox/command.h"
#include "toolbox/session_end.h"

namespace cove::toolbox {

// Where a session's files are. The folders of all sessions and of all logs, which no user can
// enter, stay open for longer than any session lives.
struct SessionFiles {
  int sessions = -1;
  int logs = -1;
  std::string name;  // of its own folder, which exists and is empty; its logs' names begin with it
  std::string path;  // how its shell names that folder
  UniqueFd folder;   // the same, open
};

class Session {
 public:
  static constexpr size_t kCommandsMax = 1000;  // older ones that have ended are forgotten
  static constexpr size_t kQueuedMax = 100;

  Session(Shared& shared, std::string id, SessionFiles files);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<Result<void>> Start();
  // Queues the command. kGone: the shell has ended.
  Result<std::shared_ptr<Command>> Execute(proto::toolbox::SessionExec request);
  Result<std::shared_ptr<Command>> Find(const std::string& command) const;
  proto::toolbox::SessionInfo Info() const;
  // SIGTERM to all that belongs to the session, kTermGrace, SIGKILL; returns when it is gone.
  Task<void> Terminate();

 private:
  void Forget();
  Task<void> RunCommands();
  Task<void> ReadStatus();
  Task<void> AwaitShell();
  // False: there may be more, and it is no shell that writes so much.
  bool TakeStatus();
  Task<int32_t> RunOne(Command* command);
  Error Ended() const;

  Shared& shared_;
  std::string id_;
  SessionFiles files_;
  Spawned shell_;
  UniqueFd control_;  // non-blocking writing end
  UniqueFd status_;   // non-blocking reading end
  std::string status_text_;
  uint64_t finished_number_ = 0;
  int32_t finished_code_ = 0;
  bool shell_ended_ = false;
  bool idle_ = false;  // nothing runs and nothing will
  int32_t shell_code_ = 0;
  std::vector<Member> orphans_;  // what outlived the shell in its kernel session
  uint64_t next_number_ = 1;
  std::deque<std::shared_ptr<Command>> commands_;  // oldest first
  std::deque<std::shared_ptr<Command>> queue_;
  async::Event changed_;
  async::TaskGroup tasks_;
};

}  // namespace cove::toolbox
