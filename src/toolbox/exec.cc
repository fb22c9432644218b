#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>

#include <csignal>
#include <optional>
#include <utility>

#include "async/fd_watch.h"
#include "async/task_group.h"
#include "toolbox/environment.h"
#include "toolbox/operations.h"
#include "toolbox/plain_command.h"
#include "toolbox/read_output.h"

namespace cove::toolbox {
namespace {

using proto::toolbox::ExecRequest;
using proto::toolbox::ExitReason;
using proto::toolbox::ExitStatus;

constexpr size_t kReadBytes = 32 * 1024;
constexpr size_t kStdinQueueMax = 1024 * 1024;
// One argument of execve may have 128 KiB; longer command texts go through a descriptor.
constexpr size_t kInlineCommandMax = 120 * 1024;
constexpr int kScriptFd = 9;  // one digit: all that sh can name

// The state of one exec, in the frame of RunExec; the tasks of `tasks` end before it does.
struct Execution {
  Execution(Shared& shared_in, SharedChannel& channel_in)
      : shared(shared_in), channel(channel_in) {}
  Shared& shared;
  SharedChannel& channel;
  Spawned process;
  bool terminal = false;
  bool timed_out = false;

  bool finishing = false;  // the process has ended and the grace is over
  int open_outputs = 0;
  int sending = 0;
  bool broken = false;  // the host does not take frames any more
  async::Event output_changed;

  std::string stdin_queue;
  bool stdin_ended = false;
  async::Event stdin_changed;

  async::TaskGroup tasks;
};

// Reads once and sends it on.
Task<Took> PassOn(Execution* e, const UniqueFd* fd, Type type, std::string* buffer) {
  const Took took = ReadOutput(fd->get(), kReadBytes, buffer);
  if (took != Took::kSome) co_return took;
  ++e->sending;
  auto sent = co_await e->channel.SendBytes(type, *buffer);
  --e->sending;
  if (!sent) e->broken = true;
  e->output_changed.NotifyAll();
  co_await async::Yield();  // a fast writer and a fast reader leave room for the others
  co_return Took::kSome;
}

// Until the end of the output, or until Drain() takes over.
Task<void> PumpOutput(Execution* e, UniqueFd* fd, Type type) {
  std::optional<async::FdWatch> watch(std::in_place, fd->get());
  std::string buffer;
  while (!e->broken && !e->finishing) {
    const Took took = co_await PassOn(e, fd, type, &buffer);
    if (took == Took::kEnd) {
      --e->open_outputs;
      watch.reset();
      fd->Reset();
      break;
    }
    if (took == Took::kNothing) {
      std::string().swap(buffer);
      co_await watch->Readable();
    }
  }
  e->output_changed.NotifyAll();
}

// What the output still holds: its writers may be gone and have been told that all went well.
Task<void> Drain(Execution* e, UniqueFd* fd, Type type) {
  std::string buffer;
  for (size_t drained = 0; *fd && !e->broken && drained < kDrainMax; drained += buffer.size()) {
    const Took took = co_await PassOn(e, fd, type, &buffer);
    if (took == Took::kEnd) fd->Reset();
    if (took == Took::kNothing) break;
  }
}

Task<void> FeedStdin(Execution* e) {
  async::FdWatch watch(e->process.input.get());
  for (;;) {
    if (e->stdin_queue.empty()) {
      if (e->stdin_ended) break;
      co_await e->stdin_changed.Wait();
      continue;
    }
    const ssize_t n = write(e->process.input.get(), e->stdin_queue.data(), e->stdin_queue.size());
    if (n > 0) {
      e->stdin_queue.erase(0, static_cast<size_t>(n));
      e->stdin_changed.NotifyAll();
    } else if (n < 0 && errno == EAGAIN) {
      co_await watch.Writable();
    } else if (n < 0 && errno != EINTR) {
      break;  // the process has closed its stdin: the rest is for nobody
    }
  }
  e->stdin_ended = true;
  std::string().swap(e->stdin_queue);
  e->stdin_changed.NotifyAll();
}

void SendSignal(Execution* e, int signal) {
  if (signal < 1 || signal > SIGRTMAX) return;
  if (e->terminal && e->process.output) {
    const pid_t front = tcgetpgrp(e->process.output.get());
    if (front > 1) {
      kill(-front, signal);
      return;
    }
  }
  e->process.child->SignalGroup(signal);
}

void Resize(Execution* e, const proto::toolbox::WindowSize& window) {
  winsize size{};
  size.ws_col = window.cols;
  size.ws_row = window.rows;
  if (e->terminal && e->process.output) ioctl(e->process.output.get(), TIOCSWINSZ, &size);
}

// What the host sends while the command runs. After a frame that is none of these nothing more is
// heard; the exec goes on until the host hangs up.
Task<void> ReadHost(Execution* e) {
  for (;;) {
    auto frame = co_await e->channel.Receive();
    if (!frame) co_return;
    switch (static_cast<Type>(frame->type)) {
      case Type::kStdin:
        while (!e->stdin_ended && e->stdin_queue.size() > kStdinQueueMax) {
          co_await e->stdin_changed.Wait();
        }
        if (!e->stdin_ended) e->stdin_queue += frame->body;
        break;
      case Type::kStdinEnd:
        if (e->terminal) {
          e->stdin_queue += '\x04';  // what ^D sends
        } else {
          e->stdin_ended = true;
        }
        break;
      case Type::kSignal:
        if (auto m = proto::Decode<proto::toolbox::SignalRequest>(frame->body)) {
          SendSignal(e, m->signal);
        }
        break;
      case Type::kResize:
        if (auto m = proto::Decode<proto::toolbox::WindowSize>(frame->body)) Resize(e, *m);
        break;
      default:
        co_return;
    }
    e->stdin_changed.NotifyAll();
  }
}

Task<void> FeedThenClose(Execution* e) {
  co_await FeedStdin(e);
  e->process.input.Reset();
}

// A descriptor from which the shell reads a command text that is too long for an argument.
Result<UniqueFd> MakeScript(const std::string& text) {
  UniqueFd fd(memfd_create("command", MFD_CLOEXEC));
  if (!fd) return Error::FromErrno("memfd_create");
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      lseek(fd.get(), 0, SEEK_SET) != 0) {
    return Error::FromErrno("storing the command");
  }
  return fd;
}

Result<SpawnPlan> MakePlan(const Shared& shared, ExecRequest& request, UniqueFd* script) {
  if (request.argv.empty() && request.command.empty()) {
    return Error(Code::kInvalid, "the command is empty");
  }
  RETURN_IF_ERROR(CheckEnv(request.env));
  for (const std::string& arg : request.argv) {
    if (arg.find('\0') != std::string::npos) {
      return Error(Code::kInvalid, "an argument holds a NUL byte");
    }
  }
  if (request.command.find('\0') != std::string::npos) {
    return Error(Code::kInvalid, "the command holds a NUL byte");
  }
  SpawnPlan plan;
  ASSIGN_OR_RETURN(plan.account, shared.AccountOf(request.user));
  ASSIGN_OR_RETURN(plan.cwd, Absolute(request.cwd.empty() ? "." : request.cwd, plan.account.home));
  plan.env = MakeEnv(plan.account, shared.shell, shared.env, request.env, request.pty);
  plan.stdin_open = request.stdin_open;
  plan.window = request.window;
  plan.wiring = request.pty            ? Wiring::kTerminal
                : request.merge_output ? Wiring::kMergedPipe
                                       : Wiring::kPipes;
  if (!request.argv.empty()) {
    plan.candidates = Candidates(request.argv[0], plan.env);
    plan.argv = std::move(request.argv);
    return plan;
  }
  plan.argv = {shared.shell, "-c", std::move(request.command)};
  plan.candidates = {shared.shell};
  if (plan.argv[2].size() <= kInlineCommandMax) {
    if (auto words = PlainWords(plan.argv[2], plan.env)) {
      plan.candidates = PlacesOf(words->front(), plan.env);
      plan.shell_argv = std::exchange(plan.argv, *std::move(words));
      plan.env.push_back("SHLVL=0");
    }
  } else {
    ASSIGN_OR_RETURN(*script, MakeScript(plan.argv[2]));
    plan.inherited.push_back({script->get(), kScriptFd});
    plan.argv[2] = "eval \"$(cat <&9)\" 9<&-";
  }
  return plan;
}

// Waits for the end of the process and of its output; gives how it ended.
Task<ExitStatus> AwaitEnd(Execution* e, OomCount oom_before) {
  Child& child = *e->process.child;
  co_await child.exited().Wait();
  const TimePoint grace_end = Now() + kOutputGrace;
  while (e->open_outputs > 0 && !e->broken && Now() < grace_end) {
    co_await e->output_changed.Wait(grace_end);
  }
  e->finishing = true;
  while (e->sending > 0) co_await e->output_changed.Wait();
  // None of them is in the middle of a frame now, or holds anything that it has read.
  e->tasks.Clear();
  co_await Drain(e, &e->process.output, Type::kStdout);
  co_await Drain(e, &e->process.error, Type::kStderr);
  ExitStatus status = StatusOf(*child.status());
  TakeToll(e->shared.oom.TollOf(oom_before, child.pid()), status.code, &status);
  if (e->timed_out) status.reason = ExitReason::kTimeout;
  co_return status;
}

Task<void> KillAtTheLimit(Execution* e, milliseconds limit) {
  co_await e->shared.clock.Pass(limit);
  // What it has left may hold its outputs; it itself was in time.
  if (e->process.child->status()) co_return;
  e->timed_out = true;
  e->process.child->SignalGroup(SIGKILL);
}

}  // namespace

Error EndedWithSandbox() { return {Code::kClosed, "the sandbox ended while this was under way"}; }

ExitStatus StatusOf(int wait_status) {
  ExitStatus status;
  if (WIFSIGNALED(wait_status)) {
    status.reason = ExitReason::kSignaled;
    status.signal = WTERMSIG(wait_status);
    status.code = 128 + status.signal;
  } else {
    status.code = WEXITSTATUS(wait_status);
  }
  return status;
}

Task<Result<void>> RunExec(Shared& shared, SharedChannel& channel, ExecRequest request) {
  UniqueFd script;
  CO_ASSIGN_OR_RETURN(SpawnPlan plan, MakePlan(shared, request, &script));
  std::optional<RunningMark> running;
  if (!request.pty) running.emplace(shared);
  Execution e(shared, channel);
  e.terminal = request.pty;
  const OomCount oom_before = shared.oom.Count();
  auto started = co_await shared.spawner.Start(std::move(plan));
  if (!started) {
    CO_RETURN_IF_ERROR(co_await channel.SendMessage(Type::kStarted, proto::toolbox::Started{}));
    ExitStatus status;
    status.reason = ExitReason::kSpawnFailed;
    status.detail = started.error().message();
    co_return co_await channel.SendMessage(Type::kExited, status);
  }
  script.Reset();
  e.process = *std::move(started);
  const auto pid = static_cast<uint32_t>(e.process.child->pid());
  CO_RETURN_IF_ERROR(co_await channel.SendMessage(Type::kStarted, proto::toolbox::Started{pid}));

  e.open_outputs = (e.process.output ? 1 : 0) + (e.process.error ? 1 : 0);
  if (e.process.output) e.tasks.Spawn(PumpOutput(&e, &e.process.output, Type::kStdout));
  if (e.process.error) e.tasks.Spawn(PumpOutput(&e, &e.process.error, Type::kStderr));
  if (e.process.input) e.tasks.Spawn(FeedThenClose(&e));
  std::optional<TerminalMark> terminal;
  if (e.terminal) terminal.emplace(shared, &e.process);
  e.tasks.Spawn(ReadHost(&e));
  if (request.timeout_ms > 0) {
    e.tasks.Spawn(KillAtTheLimit(&e, milliseconds(request.timeout_ms)));
  }
  ExitStatus status = co_await AwaitEnd(&e, oom_before);
  terminal.reset();
  if (e.process.output) shared.leftovers.Keep(std::move(e.process.output));
  if (e.process.error) shared.leftovers.Keep(std::move(e.process.error));
  if (e.process.child->ended_with_all()) co_return EndedWithSandbox();
  co_return co_await channel.SendMessage(Type::kExited, std::move(status));
}

}  // namespace cove::toolbox
