// Command: one command of a session: its FIFOs, its input, its log, how it stands.
//
// Its output is captured for as long as anything holds it, also after the command has ended: a
// server left in the background would otherwise die of SIGPIPE. Thread: loop-confined.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/task_group.h"
#include "toolbox/command_log.h"
#include "toolbox/command_text.h"
#include "toolbox/operations.h"
#include "toolbox/read_output.h"

namespace cove::toolbox {

class Command {
 public:
  // `folder`: of the session's files, open until it has ended; `number`: this command's in
  // it.
  Command(Shared& shared, int folder, uint64_t number, proto::toolbox::SessionExec request,
          std::shared_ptr<CommandLog> log);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  uint64_t number() const { return number_; }
  const proto::toolbox::CommandInfo& info() const { return info_; }
  // It ended because all of the sandbox does.
  bool ended_with_all() const { return ended_with_all_; }
  const std::shared_ptr<CommandLog>& log() const { return log_; }

  // Makes the files that the shell opens and starts to capture.
  Result<void> Prepare();
  // The shell is through with it: waits until what it wrote is in the log, then it has ended.
  // `shell`: the session's, whose the command's processes are.
  Task<void> Finish(int32_t exit_code, pid_t shell);
  // Prepare() failed: its log and its reason say so. Finish() follows.
  void Refuse(const Error& error);
  // The same as Finish() for one whose turn never came.
  void EndUnstarted();

  // kGone: it has ended. kConflict: its stdin is at its end. kExhausted: it does not read.
  Result<void> Input(std::string data);

 private:
  struct Output {
    UniqueFd fd;
    UniqueFd hold;  // a writer of our own, so that the end is not seen before the shell has opened
    LogStreamId stream = LogStreamId::kStdout;
    bool ended = false;
  };
  std::string FileName(char kind) const;
  void RemoveFiles();
  Result<void> OpenOutput(char kind, LogStreamId stream, Output* output);
  Result<void> OpenInput();
  // Reads once, into the log.
  Took Take(Output* output, std::string* buffer);
  Task<void> Capture(Output* output);
  // What it still holds goes into the log before the command has ended.
  Task<void> Drain(Output* output);
  Task<void> Feed();
  void End(int32_t exit_code);

  Shared& shared_;
  int folder_;
  uint64_t number_;
  proto::toolbox::CommandInfo info_;
  CommandText text_;
  bool async_;
  bool echo_input_;
  std::shared_ptr<CommandLog> log_;
  OomCount oom_before_;
  std::optional<RunningMark> running_;
  bool ended_with_all_ = false;
  Output out_;
  Output err_;
  UniqueFd input_;
  std::string input_queue_;
  async::Event changed_;
  async::TaskGroup tasks_;
};

}  // namespace cove::toolbox
