// Running a command inside a sandbox through the API, with its two streams apart.
//
// The command runs in a session of the sandbox and its log is followed over a WebSocket. If the
// server goes away meanwhile, the command goes on: the log is followed again from where it was
// once the server is back, for at most kReconnectFor. Who waits is told after kWaitToldAfter.
// Thread: loop-confined. Client and sinks must outlive the task.
#pragma once

#include "agents/api_client.h"
#include "agents/log_demux.h"

namespace cove::agents {

inline constexpr Duration kReconnectFor = seconds(60);
inline constexpr Duration kWaitToldAfter = seconds(1);

// The code of a command that was not started: the sandbox has no room for what a session needs.
inline constexpr int kNeverRan = -1;

struct RemoteCommand {
  std::string sandbox;
  std::string session;  // created here; see DeleteSession
  std::string command;  // for the session's shell
  // Called once each time that the server has not answered for kWaitToldAfter, with the seconds
  // that are waited for it yet. May be empty; must outlive the call.
  std::function<void(int seconds_left)> on_wait;
};

struct RemoteExit {
  int code = 0;        // or kNeverRan
  std::string reason;  // what the code does not tell, for people; else empty
  bool output_lost = false;
};

// How the command ended. An error that the server gives as the reason of a log's early end (the
// sandbox was stopped, or deleted) is kGone. The session stays: what it left running goes on.
Task<Result<RemoteExit>> RunRemote(ApiClient& api, RemoteCommand what, LogDemux::Sink sink);

// The same without a session, which takes no room on the sandbox's disk: all output comes at the
// end and as stdout, and the command ends with the server or this task.
Task<Result<RemoteExit>> RunPlain(ApiClient& api, RemoteCommand what, LogDemux::Sink sink);

// Ends the session and what its shell still runs.
Task<Result<void>> DeleteSession(ApiClient& api, std::string sandbox, std::string session);

// RunRemote in a session of its own, which is deleted; for short commands of our own. Output goes
// line by line, both streams, to `on_line`. kInternal with the last lines when it fails.
using OnLine = std::function<void(std::string_view line)>;
Task<Result<void>> RunStep(ApiClient& api, std::string sandbox, std::string what,
                           std::string command, OnLine on_line);

}  // namespace cove::agents
