// ToolboxClient: the host's side of proto/toolbox.h, one method per operation.
//
// Concept: every call connects to the sandbox's unix socket on its own, so calls never wait for
// each other, and destroying a call's task or a stream object cancels that operation inside (a
// running exec is killed; session commands go on). A call has no deadline but kConnectTimeout for
// the connection: wrap it in async::WithDeadline where one is wanted.
// The toolbox's answers are claims of a sandbox: lengths, types and descriptors are checked here.
// Errors: kUnavailable when the sandbox cannot be reached, kClosed when it went away in the middle,
// else what the toolbox says (the text names the path or id; it may be shown to the caller).
// Thread: loop-confined. The client must outlive its calls; streams live on their own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/shared_channel.h"
#include "proto/toolbox.h"

namespace cove::proto::toolbox {

inline constexpr seconds kConnectTimeout{5};
// What one listing or search may gather in memory; more is kTooLarge.
inline constexpr size_t kEntriesMax = 200'000;

struct ExecEvent {
  enum class Kind : uint8_t { kStdout, kStderr, kExited };
  Kind kind = Kind::kStdout;
  std::string data;   // kStdout, kStderr: at least one byte; a PTY has stdout only
  ExitStatus status;  // kExited
};

// A running command. Next() may run beside the writing calls, which may run beside each other.
class ExecStream {
 public:
  ExecStream(std::unique_ptr<SharedChannel> channel, uint32_t pid)
      : channel_(std::move(channel)), pid_(pid) {}
  // 0: it could not be started.
  uint32_t pid() const { return pid_; }

  // The output as it comes, then kExited once; after that kClosed. Not reading holds the command
  // back at its next write (back-pressure).
  Task<Result<ExecEvent>> Next();
  // Returns when the bytes are on their way, not when the command has read them.
  // REQUIRES: stdin_open or pty in the request. `bytes` must stay until this returns.
  Task<Result<void>> WriteStdin(std::string_view bytes);
  Task<Result<void>> CloseStdin();
  Task<Result<void>> Signal(int signal);  // to the process group (PTY: the one in front)
  Task<Result<void>> Resize(WindowSize window);

 private:
  std::unique_ptr<SharedChannel> channel_;
  uint32_t pid_;
  bool exited_ = false;
};

struct ExecOutput {
  std::string out;
  std::string err;  // empty with merge_output
  ExitStatus status;
  bool truncated = false;  // there was more than the limit; the rest was read and dropped
};

struct LogEvent {
  enum class Kind : uint8_t { kStdout, kStderr, kEnd };
  Kind kind = Kind::kStdout;
  std::string data;     // kStdout, kStderr
  CommandInfo command;  // kEnd: how it stands (with follow: it has ended)
};

class LogStream {
 public:
  explicit LogStream(std::unique_ptr<SharedChannel> channel) : channel_(std::move(channel)) {}
  // The log from its start, then kEnd once. With follow kEnd comes when the command has ended and
  // everything was handed over.
  Task<Result<LogEvent>> Next();

 private:
  std::unique_ptr<SharedChannel> channel_;
};

class FileReader {
 public:
  FileReader(std::unique_ptr<SharedChannel> channel, FileInfo info)
      : channel_(std::move(channel)), info_(std::move(info)) {}
  const FileInfo& info() const { return info_; }  // as it was when it was opened
  // The next bytes, empty at the end of the file. An error means the content is not whole.
  Task<Result<std::string>> Next();

 private:
  std::unique_ptr<SharedChannel> channel_;
  FileInfo info_;
  bool ended_ = false;
};

class FileWriter {
 public:
  explicit FileWriter(std::unique_ptr<SharedChannel> channel) : channel_(std::move(channel)) {}
  // `bytes` must stay until this returns. After an error Finish() tells the toolbox's reason.
  Task<Result<void>> Write(std::string_view bytes);
  // The file appears under its name with the first byte of this; without it nothing appears.
  Task<Result<void>> Finish();

 private:
  std::unique_ptr<SharedChannel> channel_;
};

class PortWatch {
 public:
  explicit PortWatch(std::unique_ptr<SharedChannel> channel) : channel_(std::move(channel)) {}
  // The listening ports now, then again at each change.
  Task<Result<std::vector<PortInfo>>> Next();

 private:
  std::unique_ptr<SharedChannel> channel_;
};

class ToolboxClient {
 public:
  explicit ToolboxClient(std::string socket_path) : path_(std::move(socket_path)) {}
  const std::string& socket_path() const { return path_; }

  Task<Result<InfoReply>> Info();
  Task<Result<void>> Configure(EnvList env);
  Task<Result<void>> Shutdown();
  Task<Result<void>> StopClocks();
  Task<Result<void>> StartClocks();

  // An env name that is not [A-Za-z_][A-Za-z0-9_]*, an unknown user or an empty command: kInvalid.
  // A command that could not be started: a stream whose first event is kExited, kSpawnFailed.
  Task<Result<std::unique_ptr<ExecStream>>> Exec(ExecRequest request);
  // Runs to the end and gathers at most `output_max` bytes of each stream.
  Task<Result<ExecOutput>> Run(ExecRequest request, size_t output_max = 64 * 1024 * 1024);

  Task<Result<void>> CreateSession(std::string session);  // kConflict, kInvalid
  Task<Result<void>> DeleteSession(std::string session);  // kNotFound; returns when all is gone
  Task<Result<SessionInfo>> GetSession(std::string session);
  Task<Result<std::vector<SessionInfo>>> ListSessions();
  // Commands of one session run in order in its one shell. kGone: the shell has ended.
  Task<Result<CommandInfo>> SessionExecute(SessionExec request);
  Task<Result<CommandInfo>> GetCommand(std::string session, std::string command);
  Task<Result<std::unique_ptr<LogStream>>> Logs(CommandLogs request);
  // kGone when the command has ended; kConflict when it was not started async.
  Task<Result<void>> SendInput(std::string session, std::string command, std::string data);

  Task<Result<std::vector<FileInfo>>> ListFiles(std::string path, uint32_t depth = 1);
  Task<Result<FileInfo>> Stat(std::string path);  // follows links
  Task<Result<void>> MakeFolder(std::string path, uint32_t mode = 0755);
  Task<Result<void>> Delete(FileDelete request);
  Task<Result<void>> Move(std::string source, std::string destination);
  Task<Result<void>> SetMode(FileSetMode request);
  Task<Result<std::unique_ptr<FileReader>>> ReadFile(std::string path, uint64_t offset = 0);
  Task<Result<std::unique_ptr<FileWriter>>> WriteFile(std::string path, uint32_t mode = 0644);
  Task<Result<std::vector<Match>>> FindText(std::string path, std::string text);
  Task<Result<std::vector<std::string>>> SearchNames(std::string path, std::string glob);
  // One match per file; content is empty when it worked, else the reason.
  Task<Result<std::vector<Match>>> Replace(FileReplace request);

  Task<Result<std::vector<PortInfo>>> ListPorts();
  Task<Result<std::unique_ptr<PortWatch>>> WatchPorts();
  // A connected TCP socket to that port inside, non-blocking; kUnavailable when nothing listens.
  Task<Result<UniqueFd>> ConnectPort(uint16_t port);

 private:
  std::string path_;
};

}  // namespace cove::proto::toolbox
