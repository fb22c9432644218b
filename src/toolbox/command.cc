#include "toolbox/command.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "async/fd_watch.h"
#include "base/text.h"

namespace cove::toolbox {
namespace {

constexpr size_t kInputQueueMax = 1024 * 1024;
constexpr milliseconds kBusyPause{20};

// The text of the command, readable by the session's user.
Result<void> WriteText(int folder, const std::string& name, const std::string& text) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  const UniqueFd fd(openat(folder, name.c_str(), kFlags, 0644));
  if (!fd) return Error::FromErrno("cannot store the command");
  fchmod(fd.get(), 0644);
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error::FromErrno("cannot store the command");
  }
  return Ok();
}

// World accessible: the user of the session is another one than ours, and the folder's name is
// known to nobody else who could reach it.
Result<void> MakeFifo(int folder, const std::string& name) {
  if (mkfifoat(folder, name.c_str(), 0666) != 0 || fchmodat(folder, name.c_str(), 0666, 0) != 0) {
    return Error::FromErrno("cannot make a FIFO for the command");
  }
  return Ok();
}

}  // namespace

Command::Command(Shared& shared, int folder, uint64_t number, proto::toolbox::SessionExec request,
                 std::shared_ptr<CommandLog> log)
    : shared_(shared),
      folder_(folder),
      number_(number),
      text_(std::move(request.command), &info_.command),
      async_(request.async),
      echo_input_(!request.suppress_input_echo),
      log_(std::move(log)),
      running_(std::in_place, shared) {
  info_.id = NewUuid();
}

Command::~Command() {
  tasks_.Clear();
  // One that has ended may outlive its session, by a reader of its log, and with it the folder.
  if (!info_.ended) RemoveFiles();
  if (out_.fd && !out_.ended) shared_.leftovers.Keep(std::move(out_.fd));
  if (err_.fd && !err_.ended) shared_.leftovers.Keep(std::move(err_.fd));
}

std::string Command::FileName(char kind) const { return kind + std::to_string(number_); }

void Command::RemoveFiles() {
  for (const char kind : {'c', 'i', 'o', 'e'}) unlinkat(folder_, FileName(kind).c_str(), 0);
}

Result<void> Command::OpenOutput(char kind, LogStreamId stream, Output* output) {
  const std::string name = FileName(kind);
  RETURN_IF_ERROR(MakeFifo(folder_, name));
  output->fd.Reset(openat(folder_, name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  output->hold.Reset(openat(folder_, name.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!output->fd || !output->hold) return Error::FromErrno("cannot open a FIFO of the command");
  output->stream = stream;
  return Ok();
}

Result<void> Command::OpenInput() {
  const std::string name = FileName('i');
  if (!async_) {
    if (symlinkat("/dev/null", folder_, name.c_str()) != 0) {
      return Error::FromErrno("cannot make stdin");
    }
    return Ok();
  }
  RETURN_IF_ERROR(MakeFifo(folder_, name));
  // Read and write (fifo(7)): opens without waiting for the shell, and never gets SIGPIPE.
  input_.Reset(openat(folder_, name.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!input_) return Error::FromErrno("cannot open stdin of the command");
  return Ok();
}

Result<void> Command::Prepare() {
  oom_before_ = shared_.oom.Count();
  RETURN_IF_ERROR(WriteText(folder_, FileName('c'), text_.whole()));
  text_.Drop();
  RETURN_IF_ERROR(OpenInput());
  RETURN_IF_ERROR(OpenOutput('o', LogStreamId::kStdout, &out_));
  RETURN_IF_ERROR(OpenOutput('e', LogStreamId::kStderr, &err_));
  tasks_.Spawn(Capture(&out_));
  tasks_.Spawn(Capture(&err_));
  if (input_) tasks_.Spawn(Feed());
  return Ok();
}

Took Command::Take(Output* output, std::string* buffer) {
  const Took took = ReadOutput(output->fd.get(), CommandLog::kRecordMax, buffer);
  if (took == Took::kSome) log_->Append(output->stream, *buffer);
  return took;
}

Task<void> Command::Capture(Output* output) {
  async::FdWatch watch(output->fd.get());
  std::string buffer;
  for (;;) {
    const Took took = Take(output, &buffer);
    if (took == Took::kEnd) break;
    if (took == Took::kSome) {
      // Nobody keeps these bytes any more: the writer is slowed down instead of us kept busy.
      if (log_->full()) co_await async::Sleep(kBusyPause);
      co_await async::Yield();
      continue;
    }
    std::string().swap(buffer);
    if (info_.ended) log_->Rest();
    co_await watch.Readable();
  }
  output->ended = true;
  changed_.NotifyAll();
}

// Beside Capture(), which keeps nothing from one turn to the next.
Task<void> Command::Drain(Output* output) {
  std::string buffer;
  for (size_t drained = 0; !output->ended && drained < kDrainMax; drained += buffer.size()) {
    if (Take(output, &buffer) != Took::kSome) break;
    co_await async::Yield();
  }
}

Task<void> Command::Feed() {
  async::FdWatch watch(input_.get());
  for (;;) {
    if (input_queue_.empty()) {
      co_await changed_.Wait();
      continue;
    }
    const ssize_t n = write(input_.get(), input_queue_.data(), input_queue_.size());
    if (n > 0) {
      input_queue_.erase(0, static_cast<size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      co_await watch.Writable();
    } else if (n < 0 && errno != EINTR) {
      break;
    }
  }
}

void Command::End(int32_t exit_code) {
  info_.ended = true;
  info_.exit_code = exit_code;
  ended_with_all_ = shared_.spawner.children().ending();
  running_.reset();
  text_.Drop();
  std::string().swap(input_queue_);
  // Whoever is told that all went well must hear that not all of it is there.
  const bool fine = info_.reason == proto::toolbox::ExitReason::kExited ||
                    (info_.reason == proto::toolbox::ExitReason::kOom && exit_code == 0);
  if (log_->lost() && fine) {
    info_.reason = proto::toolbox::ExitReason::kOutputLost;
  }
  log_->Complete();
  log_->Rest();
  RemoveFiles();
}

void Command::Refuse(const Error& error) {
  info_.reason = proto::toolbox::ExitReason::kSpawnFailed;
  log_->Append(LogStreamId::kStderr, error.message() + "\n");
}

void Command::EndUnstarted() { End(-1); }

Task<void> Command::Finish(int32_t exit_code, pid_t shell) {
  TakeToll(shared_.oom.TollOf(oom_before_, shell), exit_code, &info_);
  out_.hold.Reset();
  err_.hold.Reset();
  const TimePoint grace_end = Now() + kOutputGrace;
  while (!(out_.ended && err_.ended) && Now() < grace_end) {
    co_await changed_.Wait(grace_end);
  }
  // Time passes also while the log's disk is slow and nobody reads.
  if (out_.fd) co_await Drain(&out_);
  if (err_.fd) co_await Drain(&err_);
  End(exit_code);
}

Result<void> Command::Input(std::string data) {
  if (info_.ended) return Error(Code::kGone, "command " + info_.id + " has ended");
  if (!async_) {
    return Error(Code::kConflict,
                 "command " + info_.id + " was not started async: its stdin is at its end");
  }
  if (!data.ends_with('\n')) data += '\n';
  if (input_queue_.size() + data.size() > kInputQueueMax) {
    return Error(Code::kExhausted, "command " + info_.id + " does not read its input; 1 MiB waits");
  }
  if (echo_input_) log_->Append(LogStreamId::kStdout, data);
  input_queue_ += data;
  changed_.NotifyAll();
  return Ok();
}

}  // namespace cove::toolbox
