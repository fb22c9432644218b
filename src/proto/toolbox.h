// The contract between the host (front, tests) and the toolbox, PID 1 of a sandbox.
//
// One connection is one operation: the host connects to the sandbox's unix socket, sends one
// request frame and reads replies. Closing the connection cancels the operation (a running exec is
// killed; session commands go on). Every request is answered by kError or by the reply its comment
// names. Paths may be relative: they start at the user's home.
// What a toolbox says is a claim: the host checks lengths, types and descriptors.
#pragma once

#include "proto/channel.h"

namespace cove::proto::toolbox {

enum class Type : uint16_t {
  // replies
  kError = 1,  // ErrorReply
  kOk = 2,     // Empty
  // byte streams, either way; the body is raw bytes
  kStdout = 10,
  kStderr = 11,
  kStdin = 12,
  kStdinEnd = 13,  // Empty
  kData = 14,
  kDataEnd = 15,  // Empty

  kInfo = 20,       // Empty -> kInfoReply
  kInfoReply = 21,  // InfoReply
  kConfigure = 22,  // Configure -> kOk
  kShutdown = 23,   // Empty -> kOk; then SIGTERM to all, grace, SIGKILL, and the sandbox ends
  // Empty -> kOk: the time limits of commands stand still, or go on. Around a pause: the toolbox is
  // frozen with the others and could not tell how long.
  kStopClocks = 24,
  kStartClocks = 25,

  kExec = 30,     // ExecRequest -> kStarted, kStdout*, kStderr*, kExited
  kStarted = 31,  // Started
  kExited = 32,   // ExitStatus
  kSignal = 33,   // SignalRequest (host, while an exec runs)
  kResize = 34,   // WindowSize (host, while an exec with a pty runs)

  kSessionCreate = 40,  // SessionRef -> kOk | kError(kConflict)
  kSessionDelete = 41,  // SessionRef -> kOk; kills what the session's shell still runs
  kSessionGet = 42,     // SessionRef -> kSessions with one
  kSessionList = 43,    // Empty -> kSessions
  kSessions = 44,       // SessionList
  kSessionExec = 45,    // SessionExec -> kCommand (its id is set; it runs, or waits its turn)
  kCommandGet = 46,     // CommandRef -> kCommand
  kCommand = 47,        // CommandInfo
  kCommandLogs = 48,    // CommandLogs -> kStdout*, kStderr*, kLogEnd | kError
  kLogEnd = 49,         // CommandInfo
  kCommandInput = 50,   // CommandInput -> kOk | kError(kGone) when it has ended

  kFileList = 60,     // FileList -> kFiles
  kFileStat = 61,     // PathRef -> kFiles with one
  kFiles = 62,        // FileInfos (may come several times, then kOk)
  kFileMkdir = 63,    // FileMkdir -> kOk
  kFileDelete = 64,   // FileDelete -> kOk
  kFileMove = 65,     // FileMove -> kOk
  kFileSetMode = 66,  // FileSetMode -> kOk
  kFileRead = 67,     // FileRead -> kFiles with one, kData*, kDataEnd
  kFileWrite = 68,    // FileWrite, kData*, kDataEnd (host) -> kOk; the file appears whole or not
  kFileFind = 69,     // FileFind -> kMatches*, kOk
  kFileSearch = 70,   // FileFind (pattern is a glob on the base name) -> kMatches*, kOk
  kFileReplace = 71,  // FileReplace -> kMatches (content empty or the error), kOk
  kMatches = 72,      // Matches

  kPortList = 80,     // Empty -> kPorts
  kPortWatch = 81,    // Empty -> kPorts now and again at each change, until the host closes
  kPorts = 82,        // Ports
  kPortConnect = 83,  // PortRef -> kConnected with one connected TCP socket
  kConnected = 84,    // Empty
};

struct Empty {
  template <class A>
  void Fields(A&) {}
};

struct ErrorReply {
  uint8_t code = 0;  // cove::Code
  std::string message;
  template <class A>
  void Fields(A& a) {
    a(code, message);
  }
};

using EnvList = std::vector<std::pair<std::string, std::string>>;

struct InfoReply {
  std::string version;
  std::string user;
  std::string home;
  uint32_t running = 0;  // commands that the host started and that still run
  template <class A>
  void Fields(A& a) {
    a(version, user, home, running);
  }
};

// Replaces the environment that every later command starts with.
struct Configure {
  EnvList env;
  template <class A>
  void Fields(A& a) {
    a(env);
  }
};

struct WindowSize {
  uint16_t cols = 80;
  uint16_t rows = 24;
  template <class A>
  void Fields(A& a) {
    a(cols, rows);
  }
};

struct ExecRequest {
  std::string command;            // for the user's shell; used when argv is empty
  std::vector<std::string> argv;  // else executed as it is
  std::string cwd;                // empty: the home
  EnvList env;                    // added to the sandbox's
  std::string user;               // empty: daytona; "root" or any name of /etc/passwd inside
  uint32_t timeout_ms = 0;        // 0: none; the process group is killed at it
  bool stdin_open = false;        // else stdin is /dev/null
  bool merge_output = false;      // stderr goes the way of stdout, in the order written
  bool pty = false;
  WindowSize window;
  template <class A>
  void Fields(A& a) {
    a(command, argv, cwd, env, user, timeout_ms, stdin_open, merge_output, pty, window);
  }
};

struct Started {
  uint32_t pid = 0;  // as seen inside
  template <class A>
  void Fields(A& a) {
    a(pid);
  }
};

// kOom: it, or the last of its children that it tells of, died of SIGKILL, and meanwhile the kernel
// killed processes of the sandbox for want of memory. Of several commands at that moment more than
// one may say so. kOutputLost: of a session command only: it ended by itself, and for some of its
// output the sandbox's disk had no room. kHostOom: it died of SIGKILL with all other commands, when
// the host ended the workload for memory that the kernel lets through (decision 0018).
enum class ExitReason : uint8_t {
  kExited = 0,
  kSignaled = 1,
  kTimeout = 2,
  kOom = 3,
  kSpawnFailed = 4,
  kOutputLost = 5,
  kHostOom = 6
};

struct ExitStatus {
  static constexpr size_t kAddedLater = 3;
  ExitReason reason = ExitReason::kExited;
  int32_t code = -1;  // the exit code; 128 + signal when signaled
  int32_t signal = 0;
  std::string detail;  // kSpawnFailed: what failed
  // Processes of the sandbox that the kernel killed while it ran; of them those that were seen and
  // belonged to it, and those that nobody saw. Then what its own were: "python3 (57), cat (58)".
  uint64_t oom_kills = 0;
  uint64_t oom_own = 0;
  uint64_t oom_unseen = 0;
  std::string oom_names;
  template <class A>
  void Fields(A& a) {
    a(reason, code, signal, detail, oom_kills, oom_own, oom_unseen, oom_names);
  }
};

struct SignalRequest {
  int32_t signal = 0;  // to the process group
  template <class A>
  void Fields(A& a) {
    a(signal);
  }
};

struct SessionRef {
  std::string session;
  template <class A>
  void Fields(A& a) {
    a(session);
  }
};

struct CommandRef {
  std::string session;
  std::string command;
  template <class A>
  void Fields(A& a) {
    a(session, command);
  }
};

struct SessionExec {
  std::string session;
  std::string command;
  bool async = false;  // async: stdin stays open for kCommandInput; else stdin is at its end
  bool suppress_input_echo = false;
  template <class A>
  void Fields(A& a) {
    a(session, command, async, suppress_input_echo);
  }
};

struct CommandInfo {
  static constexpr size_t kAddedLater = 3;
  std::string id;
  std::string command;  // its beginning, if it is long
  bool ended = false;
  int32_t exit_code = 0;
  // never kSignaled or kTimeout: a shell tells no more; for kSpawnFailed its log says why
  ExitReason reason = ExitReason::kExited;
  uint64_t oom_kills = 0;  // these as in ExitStatus
  uint64_t oom_own = 0;
  uint64_t oom_unseen = 0;
  std::string oom_names;
  template <class A>
  void Fields(A& a) {
    a(id, command, ended, exit_code, reason, oom_kills, oom_own, oom_unseen, oom_names);
  }
};

struct SessionInfo {
  std::string id;
  std::vector<CommandInfo> commands;
  template <class A>
  void Fields(A& a) {
    a(id, commands);
  }
};

struct SessionList {
  std::vector<SessionInfo> sessions;
  template <class A>
  void Fields(A& a) {
    a(sessions);
  }
};

struct CommandLogs {
  std::string session;
  std::string command;
  bool follow = false;  // from the start, then live until the command has ended
  template <class A>
  void Fields(A& a) {
    a(session, command, follow);
  }
};

struct CommandInput {
  std::string session;
  std::string command;
  std::string data;
  template <class A>
  void Fields(A& a) {
    a(session, command, data);
  }
};

struct PathRef {
  std::string path;
  template <class A>
  void Fields(A& a) {
    a(path);
  }
};

struct FileInfo {
  std::string path;  // absolute
  std::string name;
  uint64_t size = 0;
  uint32_t mode = 0;  // st_mode
  int64_t modified_us = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  template <class A>
  void Fields(A& a) {
    a(path, name, size, mode, modified_us, uid, gid);
  }
};

struct FileInfos {
  std::vector<FileInfo> files;
  template <class A>
  void Fields(A& a) {
    a(files);
  }
};

struct FileList {
  std::string path;
  uint32_t depth = 1;
  template <class A>
  void Fields(A& a) {
    a(path, depth);
  }
};

struct FileMkdir {
  std::string path;  // with its parents; an existing folder is no error
  uint32_t mode = 0755;
  template <class A>
  void Fields(A& a) {
    a(path, mode);
  }
};

struct FileDelete {
  std::string path;
  bool recursive = false;
  template <class A>
  void Fields(A& a) {
    a(path, recursive);
  }
};

struct FileMove {
  std::string source;
  std::string destination;
  template <class A>
  void Fields(A& a) {
    a(source, destination);
  }
};

struct FileSetMode {
  std::string path;
  std::string mode;   // octal, or empty
  std::string owner;  // name or number, or empty
  std::string group;
  template <class A>
  void Fields(A& a) {
    a(path, mode, owner, group);
  }
};

struct FileRead {
  std::string path;
  uint64_t offset = 0;
  template <class A>
  void Fields(A& a) {
    a(path, offset);
  }
};

struct FileWrite {
  std::string path;  // parents are made
  uint32_t mode = 0644;
  template <class A>
  void Fields(A& a) {
    a(path, mode);
  }
};

struct FileFind {
  std::string path;
  std::string pattern;
  template <class A>
  void Fields(A& a) {
    a(path, pattern);
  }
};

struct FileReplace {
  std::vector<std::string> files;
  std::string pattern;
  std::string new_value;
  template <class A>
  void Fields(A& a) {
    a(files, pattern, new_value);
  }
};

struct Match {
  std::string file;
  uint32_t line = 0;
  std::string content;
  template <class A>
  void Fields(A& a) {
    a(file, line, content);
  }
};

struct Matches {
  std::vector<Match> matches;
  template <class A>
  void Fields(A& a) {
    a(matches);
  }
};

struct PortInfo {
  uint16_t port = 0;
  bool loopback_only = false;
  template <class A>
  void Fields(A& a) {
    a(port, loopback_only);
  }
};

struct Ports {
  std::vector<PortInfo> ports;
  template <class A>
  void Fields(A& a) {
    a(ports);
  }
};

struct PortRef {
  uint16_t port = 0;
  template <class A>
  void Fields(A& a) {
    a(port);
  }
};

}  // namespace cove::proto::toolbox
