// For tests: what toolboxes of older builds send, whose boxes may still run.
#pragma once

#include <string>
#include <vector>

#include "proto/toolbox.h"

namespace cove::proto::testing {

// As an older toolbox encodes what has commands inside.
struct OlderCommand {
  toolbox::CommandInfo now;
  template <class A>
  void Fields(A& a) {
    a(now.id, now.command, now.ended, now.exit_code, now.reason, now.oom_kills);
  }
};
struct OlderSession {
  explicit OlderSession(const toolbox::SessionInfo& session) : id(session.id) {
    for (const auto& command : session.commands) commands.push_back({command});
  }
  std::string id;
  std::vector<OlderCommand> commands;
  template <class A>
  void Fields(A& a) {
    a(id, commands);
  }
};
struct OlderSessions {
  explicit OlderSessions(const toolbox::SessionList& list)
      : sessions(list.sessions.begin(), list.sessions.end()) {}
  std::vector<OlderSession> sessions;
  template <class A>
  void Fields(A& a) {
    a(sessions);
  }
};

}  // namespace cove::proto::testing
