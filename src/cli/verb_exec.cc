// `cove exec`: a command in a sandbox, its streams apart and its exit code passed on.
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agents/remote_command.h"
#include "agents/terminal.h"
#include "async/task_group.h"
#include "base/text.h"
#include "cli/context.h"

namespace cove::cli {

namespace {

constexpr int kCouldNotRun = 125;
constexpr int kInterrupted = 130;

constexpr std::string_view kDetails =
    R"(
One COMMAND is a line for bash; several words are a command with its arguments.

Standard input is not passed on: inside it is empty (/dev/null). What a command is to read
goes into a here-document of the line, or into a file in the sandbox:
  curl -H "Authorization: Bearer $COVE_API_KEY" -F file=@data.txt \
    "$COVE_URL/toolbox/SANDBOX/files/upload?path=/tmp/data.txt"
  cove exec SANDBOX 'sort < /tmp/data.txt'

The exit code is the command's own (128 + the signal that ended it), which may be 125 as well, or
  125  it was not run: the server refused it or does not answer, the sandbox is not there or not
       started, --cwd cannot be entered
  125  how it ended is not known: the sandbox was stopped, deleted or ended meanwhile, or the server
       went away and did not come back for 60 s (the command goes on then)
  125  its output could not be written here, for which it was ended
  125  it ended with 0, but part of its output was lost
  130  this was interrupted (SIGINT, SIGTERM, SIGHUP), for which it was ended
and, before anything is asked, 2 for wrong usage, 4 where no key is known. A message on standard error
says which it was.
)";

// One argument is a line for the shell; several are one command with its arguments.
std::string CommandLine(const std::vector<std::string>& args) {
  if (args.size() == 2) return args[1];
  std::vector<std::string> words;
  for (size_t i = 1; i < args.size(); ++i) words.push_back(ShellQuote(args[i]));
  return Join(words, " ");
}

Result<std::string> Script(const Context& context) {
  std::string out;
  if (context.options.Has("--cwd")) {
    out += "cd " + ShellQuote(context.options.Get("--cwd")) + " || exit 125\n";
  }
  for (const std::string& pair : context.options.All("--env")) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Error(Code::kInvalid, "--env takes NAME=VALUE, not '" + pair + "'");
    }
    out += "export " + pair.substr(0, equals) + "=" + ShellQuote(pair.substr(equals + 1)) + "\n";
  }
  out += CommandLine(context.args());
  return "bash -c " + ShellQuote(out) + " </dev/null";
}

struct Running {
  async::Event ended;
  Result<agents::RemoteExit> exit{agents::RemoteExit{}};
  bool interrupted = false;
  int write_error = 0;  // errno: nobody takes the output any more
};

void Write(Running* running, agents::LogDemux::Stream stream, std::string_view bytes) {
  if (running->write_error != 0) return;
  FILE* to = stream == agents::LogDemux::Stream::kStdout ? stdout : stderr;
  if (std::fwrite(bytes.data(), 1, bytes.size(), to) == bytes.size() && std::fflush(to) == 0) {
    return;
  }
  if (to == stderr && errno == EBADF) return;  // closed from the start: it is not wanted
  running->write_error = errno;
  running->ended.Set();
}

Task<void> RunIt(agents::ApiClient* api, agents::RemoteCommand command, Running* running) {
  auto sink = [running](agents::LogDemux::Stream stream, std::string_view bytes) {
    Write(running, stream, bytes);
  };
  running->exit = co_await agents::RunRemote(*api, command, sink);
  if (running->exit && running->exit->code == agents::kNeverRan) {
    // What makes room must run where there is none.
    std::fprintf(stderr,
                 "cove: no session (%s); without one all output comes at the end, as stdout\n",
                 agents::Printable(running->exit->reason).c_str());
    running->exit = co_await agents::RunPlain(*api, std::move(command), sink);
  }
  running->ended.Set();
}

Task<void> WaitForSignal(async::Signals* signals, Running* running) {
  co_await signals->Next();
  running->interrupted = true;
  running->ended.Set();
}

Task<int> Exec(Context& context) {
  auto script = Script(context);
  if (!script) co_return Fail(script.error());
  agents::RemoteCommand command;
  command.sandbox = context.args()[0];
  command.session = "exec-" + RandomHex(6);
  command.command = *std::move(script);
  command.on_wait = [](int seconds_left) {
    std::fprintf(stderr,
                 "cove: the server does not answer; waiting up to %d s for it (what was started in "
                 "the sandbox goes on)\n",
                 seconds_left);
  };
  const std::string sandbox = command.sandbox;
  const std::string session = command.session;
  Running running;
  {
    async::TaskGroup group;
    group.Spawn(RunIt(&context.api, std::move(command), &running));
    group.Spawn(WaitForSignal(context.signals, &running));
    co_await running.ended.Wait();
  }
  if (!running.exit) {
    const Code code = running.exit.error().code();
    Fail(running.exit.error());
    // With the sandbox the session is gone, and without a server what was started goes on.
    if (code != Code::kGone && code != Code::kUnavailable && code != Code::kTimeout) {
      (void)co_await agents::DeleteSession(context.api, sandbox, session);
    }
    co_return kCouldNotRun;
  }
  // A sandbox that the command itself ended has no session any more.
  (void)co_await agents::DeleteSession(context.api, sandbox, session);
  if (running.interrupted) co_return kInterrupted;
  if (running.write_error != 0) {
    std::fprintf(stderr, "cove: the output cannot be written: %s; the command was ended\n",
                 std::strerror(running.write_error));
    co_return kCouldNotRun;
  }
  if (!running.exit->reason.empty()) {
    std::fprintf(stderr, "cove: %s\n", agents::Printable(running.exit->reason).c_str());
  }
  const agents::RemoteExit& exit = *running.exit;
  // Without all of its output there is no success for who reads it.
  if (exit.code < 0 || (exit.code == 0 && exit.output_lost)) co_return kCouldNotRun;
  co_return exit.code;
}

}  // namespace

Verb ExecVerb() {
  Verb verb;
  verb.name = "exec";
  verb.usage = "[--cwd DIR] [--env N=V] SANDBOX [--] COMMAND...";
  verb.summary = "run a command in a sandbox";
  verb.details = kDetails;
  verb.options = {{"--cwd", "-w"}, {"--env", "-e"}};
  verb.args_min = 2;
  verb.args_max = SIZE_MAX;
  verb.run = &Exec;
  verb.signals = WantsSignals::kYes;
  verb.mixed = Options::Mixed::kUntilSecond;
  return verb;
}

}  // namespace cove::cli
