// `cove codex`: a Codex session in a sandbox of its own.
//
// Ctrl-C stops the turn that runs, or ends the session at the prompt; "exit" and the end of the
// input end it too. Ending deletes the sandbox.
#include "agents/codex_session.h"
#include "agents/codex_snapshot.h"
#include "async/task_group.h"
#include "base/text.h"
#include "cli/context.h"
#include "cli/prompt_input.h"

namespace cove::cli {

namespace {

using agents::TurnResult;

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// Runs the task until it is done or the person stops it; nothing when stopped.
template <class T>
Task<void> Store(Task<T> task, std::optional<T>* out, PromptInput* input) {
  out->emplace(co_await std::move(task));
  input->changed.NotifyAll();
}
template <class T>
Task<std::optional<T>> UntilStopped(Task<T> task, PromptInput& input) {
  std::optional<T> out;
  {
    async::TaskGroup group;
    group.Spawn(Store(std::move(task), &out, &input));
    while (!out && !input.interrupted && !input.terminated) co_await input.changed.Wait();
  }
  co_return out;
}

struct Session {
  Context& context;
  PromptInput& input;
  agents::Style style;
  agents::TurnView& view;
  agents::CodexSession& codex;
  bool one_shot = false;
};

// Gives the exit code when the session could not be opened or was stopped meanwhile.
Task<std::optional<int>> Prepare(Session& s) {
  std::string builder;
  auto progress = [&s](std::string_view line) {
    Print(s.style.Dim(agents::OneLine(agents::Printable(line), 160)) + "\n");
  };
  auto snapshot = co_await UntilStopped(
      agents::EnsureCodexSnapshot(s.context.api, progress, &builder), s.input);
  if (!snapshot) {
    if (!builder.empty()) (void)co_await agents::DeleteSandbox(s.context.api, builder);
    co_return 130;
  }
  if (!*snapshot) co_return Fail(snapshot->error());
  agents::SessionOptions options;
  options.snapshot = **snapshot;
  options.name = s.context.options.Get("--name");
  options.model = s.context.options.Get("--model");
  Print("Creating a sandbox\n");
  // Not to be stopped half way: it takes milliseconds, and its id must be known to delete it.
  auto opened = co_await s.codex.Open(std::move(options));
  if (!opened) co_return Fail(opened.error());
  co_return std::optional<int>();
}

// Gives false when the session is to end.
Task<bool> RunPrompt(Session& s, std::string prompt, int& code) {
  Print(s.style.Dim("Thinking…") + "\n");
  auto result = co_await UntilStopped(s.codex.RunTurn(std::move(prompt)), s.input);
  code = 0;
  if (!result) {
    auto stopped = co_await s.codex.StopTurn();
    code = stopped ? 130 : Fail(stopped.error());
    Print("\n" + s.style.Dim("stopped") + "\n");
    s.input.interrupted = false;
    co_return !s.input.terminated;
  }
  if (!*result) {
    code = Fail(result->error());
    // A sandbox that is gone takes no further prompt.
    co_return result->error().code() != Code::kNotFound && result->error().code() != Code::kGone;
  }
  if (**result == TurnResult::kFailed) code = 1;
  co_return true;
}

Task<int> Converse(Session& s) {
  int code = 0;
  for (;;) {
    if (!s.one_shot) Print("\n" + s.style.Bold("User:") + " ");
    while (s.input.lines.empty() && !s.input.ended && !s.input.interrupted && !s.input.terminated) {
      co_await s.input.changed.Wait();
    }
    if (s.input.interrupted || s.input.terminated || s.input.lines.empty()) break;
    std::string line(Trim(s.input.lines.front()));
    s.input.lines.pop_front();
    if (line.empty()) continue;
    if (line == "exit" || line == "quit") break;
    if (!co_await RunPrompt(s, std::move(line), code)) break;
  }
  if (!s.one_shot) Print("\n");
  // What the person saw go wrong in a conversation is no failure of the conversation.
  co_return s.one_shot ? code : 0;
}

Task<int> Codex(Context& context) {
  const bool one_shot = !context.args().empty();
  PromptInput input(*context.signals,
                    one_shot ? PromptInput::Source::kGiven : PromptInput::Source::kStdin);
  if (one_shot) input.lines.push_back(Join(context.args(), " "));
  const agents::Style style = agents::Style::ForStdout();
  agents::TurnView view(style, "/home/daytona", &Print);
  agents::CodexSession codex(context.api, view);
  Session session{context, input, style, view, codex, one_shot};
  auto early = co_await Prepare(session);
  int code = early.value_or(0);
  if (!early) {
    Print("Sandbox " + style.Bold(agents::Printable(codex.sandbox_name())) +
          " is ready. Ctrl-C stops a turn; exit ends the session and deletes the sandbox.\n");
    code = co_await Converse(session);
  }
  if (!codex.sandbox_id().empty()) {
    Print("Deleting the sandbox\n");
    auto closed = co_await codex.Close();
    if (!closed) co_return Fail(closed.error());
  }
  co_return code;
}

}  // namespace

Verb CodexVerb() {
  Verb verb;
  verb.name = "codex";
  verb.usage = "[--name N] [--model M] [PROMPT]";
  verb.summary = "a Codex session in a sandbox of its own";
  verb.options = {{"--name"}, {"--model", "-m"}};
  verb.args_min = 0;
  verb.args_max = SIZE_MAX;
  verb.run = &Codex;
  verb.signals = WantsSignals::kYes;
  return verb;
}

}  // namespace cove::cli
