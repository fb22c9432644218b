#include "agents/codex_session.h"

#include "agents/codex_snapshot.h"
#include "async/task_group.h"
#include "async/timer.h"
#include "base/text.h"

namespace cove::agents {

namespace {

constexpr Duration kPortPeriod = milliseconds(400);
constexpr size_t kStderrBytesKept = 2000;
constexpr size_t kEventBytesMax = 64 * 1024 * 1024;

// What stays when the program that made the session is killed: stopped after half an hour without
// use, and deleted as it stops.
constexpr int kAutoStopMinutes = 30;

}  // namespace

Task<Result<void>> CodexSession::Open(SessionOptions options) {
  options_ = std::move(options);
  json::Object body{
      {"snapshot", options_.snapshot},
      {"env", json::Object{}},
      {"labels", json::Object{{"cove.purpose", "codex"}}},
      {"autoStopInterval", kAutoStopMinutes},
      {"autoDeleteInterval", 0},
  };
  if (!options_.name.empty()) body["name"] = options_.name;
  ApiRequest create;
  create.method = "POST";
  create.path = "/api/sandbox";
  create.body = json::Value(std::move(body));
  auto box = co_await api_.CallForObject(std::move(create));
  if (!box) co_return std::move(box).error().Wrap("creating the sandbox");
  sandbox_ = json::GetString(*box, "id").value_or("");
  name_ = json::GetString(*box, "name").value_or(sandbox_);
  co_return Ok();
}

std::string CodexSession::Command(const std::string& prompt) const {
  // The prompt goes by standard input: printf is the shell's own, so no limit on arguments holds.
  std::string codex = "codex exec --json --skip-git-repo-check";
  if (!options_.model.empty()) codex += " -m " + ShellQuote(options_.model);
  if (!thread_.empty()) codex += " resume " + ShellQuote(thread_);
  const std::string script =
      "mkdir -p ~/.codex && cd && printf %s " + ShellQuote(prompt) + " | " + codex + " -";
  return "bash -c " + ShellQuote(script);
}

void CodexSession::OnEvent(const CodexEvent& event) {
  using Kind = CodexEvent::Kind;
  if (event.kind == Kind::kThreadStarted) thread_ = event.text;
  if (event.kind == Kind::kTurnEnded) usage_after_ = event.usage;
  if (event.kind == Kind::kTurnFailed) failed_ = true;
  view_.Show(event);
}

void CodexSession::OnStdout(std::string_view bytes) {
  partial_line_ += bytes;
  size_t start = 0;
  for (size_t end; (end = partial_line_.find('\n', start)) != std::string::npos; start = end + 1) {
    auto event = ParseCodexEvent(std::string_view(partial_line_).substr(start, end - start));
    if (event) OnEvent(*event);
  }
  partial_line_.erase(0, start);
  if (partial_line_.size() > kEventBytesMax) partial_line_.clear();
}

Task<void> CodexSession::ShowNewPorts() {
  ApiRequest request;
  request.path = "/toolbox/" + PercentEncode(sandbox_) + "/port";
  auto answer = co_await api_.CallForObject(std::move(request));
  if (!answer) co_return;
  const json::Array* ports = json::GetArray(*answer, "ports");
  if (ports == nullptr) co_return;
  std::vector<uint16_t> fresh;
  for (const json::Value& value : *ports) {
    if (!value.is_int64() || value.as_int64() < 1 || value.as_int64() > 65535) continue;
    const auto port = static_cast<uint16_t>(value.as_int64());
    if (!shown_ports_.contains(port)) fresh.push_back(port);
  }
  for (uint16_t port : fresh) {
    ApiRequest link;
    link.path = "/api/sandbox/" + PercentEncode(sandbox_) + "/ports/" + std::to_string(port) +
                "/preview-url";
    auto preview = co_await api_.CallForObject(std::move(link));
    if (!preview) continue;
    std::string url = json::GetString(*preview, "url").value_or("");
    const std::string token = json::GetString(*preview, "token").value_or("");
    // The browser keeps a cookie instead of the token after the first page.
    if (!url.ends_with('/')) url += '/';
    if (!token.empty()) url += "?DAYTONA_SANDBOX_AUTH_KEY=" + PercentEncode(token);
    // Not before: the end of a turn drops the watch wherever it waits, and the look after it must
    // find what that one did not show.
    shown_ports_.insert(port);
    view_.ShowPort(port, url);
  }
}

Task<void> CodexSession::WatchPorts() {
  for (;;) {
    co_await async::Sleep(kPortPeriod);
    co_await ShowNewPorts();
  }
}

Task<Result<TurnResult>> CodexSession::RunTurn(std::string prompt) {
  partial_line_.clear();
  last_stderr_.clear();
  usage_after_.reset();
  failed_ = false;
  const TimePoint begun = Now();
  RemoteCommand command;
  command.sandbox = sandbox_;
  command.session = "codex-" + std::to_string(++turns_) + "-" + RandomHex(3);
  command.command = Command(prompt);
  running_session_ = command.session;
  auto sink = [this](LogDemux::Stream stream, std::string_view bytes) {
    if (stream == LogDemux::Stream::kStdout) {
      OnStdout(bytes);
    } else {
      last_stderr_ += bytes;
      if (last_stderr_.size() > kStderrBytesKept) {
        last_stderr_.erase(0, last_stderr_.size() - kStderrBytesKept);
      }
    }
  };
  Result<RemoteExit> exit{RemoteExit{}};
  {
    async::TaskGroup watching;
    watching.Spawn(WatchPorts());
    exit = co_await RunRemote(api_, std::move(command), sink);
  }
  if (!exit) co_return std::move(exit).error();
  if (!partial_line_.empty()) OnStdout("\n");
  co_await ShowNewPorts();
  if (usage_after_) {
    view_.ShowUsage(usage_, *usage_after_, Now() - begun);
    usage_ = *usage_after_;
  } else if (!failed_) {
    std::string text = "Codex ended with exit code " + std::to_string(exit->code);
    if (!exit->reason.empty()) text += " (" + Printable(exit->reason) + ")";
    text += " before the turn did: " + Printable(Trim(last_stderr_));
    co_return Error(Code::kInternal, std::move(text));
  }
  auto stopped = co_await StopTurn();
  if (!stopped) co_return std::move(stopped).error();
  co_return failed_ ? TurnResult::kFailed : TurnResult::kDone;
}

Task<Result<void>> CodexSession::StopTurn() {
  if (running_session_.empty()) co_return Ok();
  CO_RETURN_IF_ERROR(co_await DeleteSession(api_, sandbox_, running_session_));
  // Not before: whoever drops this waits for nothing, and the next stop has it to do.
  running_session_.clear();
  co_return Ok();
}

Task<Result<void>> CodexSession::Close() {
  if (sandbox_.empty()) co_return Ok();
  auto done = co_await DeleteSandbox(api_, sandbox_);
  if (!done) co_return std::move(done).error();
  sandbox_.clear();
  co_return Ok();
}

}  // namespace cove::agents
