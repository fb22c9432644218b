// CodexSession: one sandbox with Codex in it, and one thread that goes on from prompt to prompt.
//
// Each prompt is one `codex exec --json` inside the sandbox, which resumes the thread. While it
// runs, ports that open are shown with their links. Dropping the task of RunTurn leaves Codex
// running; StopTurn ends it (servers started by cove-serve go on).
// Thread: loop-confined. Client and view must outlive the session.
#pragma once

#include <set>

#include "agents/remote_command.h"
#include "agents/turn_view.h"

namespace cove::agents {

struct SessionOptions {
  std::string snapshot;
  std::string name;   // empty: the server's choice
  std::string model;  // empty: as configured
};

enum class TurnResult { kDone, kFailed };

class CodexSession {
 public:
  CodexSession(ApiClient& api, TurnView& view) : api_(api), view_(view) {}

  Task<Result<void>> Open(SessionOptions options);
  // An error when the turn could not be run at all; kFailed when Codex says that it failed.
  Task<Result<TurnResult>> RunTurn(std::string prompt);
  Task<Result<void>> StopTurn();
  // Shows ports that opened since the last look.
  Task<void> ShowNewPorts();
  // Deletes the sandbox.
  Task<Result<void>> Close();

  const std::string& sandbox_id() const { return sandbox_; }
  const std::string& sandbox_name() const { return name_; }

 private:
  std::string Command(const std::string& prompt) const;
  void OnStdout(std::string_view bytes);
  void OnEvent(const CodexEvent& event);
  Task<void> WatchPorts();

  ApiClient& api_;
  TurnView& view_;
  SessionOptions options_;
  std::string sandbox_;
  std::string name_;
  std::string thread_;
  std::string running_session_;
  int turns_ = 0;
  std::set<uint16_t> shown_ports_;
  CodexUsage usage_;
  // Of the turn that runs:
  std::string partial_line_;
  std::string last_stderr_;
  std::optional<CodexUsage> usage_after_;
  bool failed_ = false;
};

}  // namespace cove::agents
