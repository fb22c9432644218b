#include "agents/remote_command.h"

#include <deque>

#include "async/deadline.h"
#include "async/timer.h"
#include "base/text.h"

namespace cove::agents {

namespace {

constexpr size_t kLinesKept = 12;
constexpr std::chrono::hours kPlainFor{24 * 30};

std::string SessionPath(const std::string& sandbox) {
  return "/toolbox/" + PercentEncode(sandbox) + "/process/session";
}

json::Value Body(json::Object object) { return json::Value(std::move(object)); }

// Passes the log on but for what a former connection has passed on already.
class Resume {
 public:
  explicit Resume(LogDemux::Sink sink) : sink_(std::move(sink)) {}
  void Restart() { seen_out_ = seen_err_ = 0; }
  void Take(LogDemux::Stream stream, std::string_view bytes) {
    const bool out = stream == LogDemux::Stream::kStdout;
    size_t& seen = out ? seen_out_ : seen_err_;
    size_t& passed = out ? passed_out_ : passed_err_;
    const size_t known = passed > seen ? std::min(passed - seen, bytes.size()) : 0;
    seen += bytes.size();
    bytes.remove_prefix(known);
    if (bytes.empty()) return;
    passed += bytes.size();
    sink_(stream, bytes);
  }

 private:
  LogDemux::Sink sink_;
  size_t seen_out_ = 0, seen_err_ = 0;
  size_t passed_out_ = 0, passed_err_ = 0;
};

// Knows since when the server has not answered, and tells who waits once.
class Patience {
 public:
  explicit Patience(const std::function<void(int)>& tell) : tell_(tell) {}
  void Answered() {
    give_up_ = Now() + kReconnectFor;
    tell_at_ = Now() + kWaitToldAfter;
    told_ = false;
  }
  bool over() const { return Now() > give_up_; }
  void Look() {
    if (told_ || !tell_ || Now() < tell_at_) return;
    told_ = true;
    tell_(static_cast<int>(std::chrono::ceil<seconds>(give_up_ - Now()).count()));
  }
  // The result of `work`; Look() is called while it takes longer than it should. kTimeout: over().
  template <class T>
  Task<Result<T>> For(Task<Result<T>> work) {
    async::TaskGroup group;
    group.Spawn(LookLater(this));
    co_return co_await async::WithDeadline(std::move(work), give_up_, "the request to the server");
  }

 private:
  static Task<void> LookLater(Patience* patience) {
    co_await async::SleepUntil(patience->tell_at_);
    patience->Look();
  }
  const std::function<void(int)>& tell_;
  TimePoint give_up_ = Now() + kReconnectFor;
  TimePoint tell_at_ = Now() + kWaitToldAfter;
  bool told_ = false;
};

// How the server ended a log that was followed.
enum class LogEnd { kWhole, kCut };
constexpr uint16_t kWentAway = 1006;
constexpr uint16_t kDone = 1000;

// Follows the log until its connection ends: kWhole when the server closed it, which it does once
// the command has ended and everything was sent; kCut when the server itself went away.
Task<Result<LogEnd>> FollowLog(ApiClient& api, std::string path, Resume& resume,
                               Patience& patience) {
  auto socket = co_await patience.For(api.OpenWebSocket(path + "/logs?follow=true"));
  if (!socket) co_return std::move(socket).error();
  patience.Answered();
  resume.Restart();
  LogDemux demux([&resume](LogDemux::Stream s, std::string_view b) { resume.Take(s, b); });
  for (;;) {
    auto message = co_await (*socket)->Receive();
    if (message) {
      demux.Feed(message->data);
      continue;
    }
    patience.Answered();  // until now
    if (message.error().code() != Code::kClosed) co_return std::move(message).error();
    if ((*socket)->close_code() == kWentAway) co_return LogEnd::kCut;
    if ((*socket)->close_code() != kDone && !(*socket)->close_reason().empty()) {
      co_return Error(Code::kGone, (*socket)->close_reason());
    }
    demux.End();
    co_return LogEnd::kWhole;
  }
}

RemoteExit ExitIn(const json::Object& answer, int64_t code) {
  return {static_cast<int>(code), json::GetString(answer, "exitReason").value_or(""),
          json::GetBool(answer, "outputLost").value_or(false)};
}

Task<Result<std::optional<RemoteExit>>> ExitOf(ApiClient& api, std::string path) {
  ApiRequest request;
  request.path = std::move(path);
  auto info = co_await api.CallForObject(std::move(request));
  if (!info) co_return std::move(info).error();
  auto code = json::GetInt(*info, "exitCode");
  if (!code) co_return std::optional<RemoteExit>();
  co_return std::optional<RemoteExit>(ExitIn(*info, *code));
}

// Worth another try while the server may be starting again.
bool MayComeBack(const Error& error) {
  return error.code() == Code::kUnavailable || error.code() == Code::kClosed ||
         error.code() == Code::kTimeout;
}

}  // namespace

Task<Result<RemoteExit>> RunRemote(ApiClient& api, RemoteCommand what, LogDemux::Sink sink) {
  const std::string sessions = SessionPath(what.sandbox);
  ApiRequest create;
  create.method = "POST";
  create.path = sessions;
  create.body = Body({{"sessionId", what.session}});
  Patience patience(what.on_wait);
  auto created = co_await patience.For(api.Call(std::move(create)));
  if (!created && created.error().code() == Code::kExhausted) {
    co_return RemoteExit{kNeverRan, created.error().message()};
  }
  if (!created && created.error().code() != Code::kConflict) {
    co_return std::move(created).error().Wrap("opening a session in the sandbox");
  }
  ApiRequest exec;
  exec.method = "POST";
  exec.path = sessions + "/" + PercentEncode(what.session) + "/exec";
  exec.body = Body({{"command", what.command}, {"runAsync", true}});
  patience.Answered();
  auto started = co_await patience.For(api.CallForObject(std::move(exec)));
  if (!started) co_return std::move(started).error().Wrap("starting the command");
  const std::string id = json::GetString(*started, "cmdId").value_or("");
  const std::string path =
      sessions + "/" + PercentEncode(what.session) + "/command/" + PercentEncode(id);

  Resume resume(std::move(sink));
  Duration pause = milliseconds(20);
  patience.Answered();
  for (;;) {
    auto followed = co_await FollowLog(api, path, resume, patience);
    if (!followed && !MayComeBack(followed.error())) co_return std::move(followed).error();
    auto exit = co_await patience.For(ExitOf(api, path));
    if (!exit && !MayComeBack(exit.error())) co_return std::move(exit).error();
    // Without its whole log a command's code is not given: output would be missing silently.
    if (followed && *followed == LogEnd::kWhole && exit && *exit) co_return **exit;
    patience.Look();
    if (patience.over()) {
      std::string text = "the server went away while the command ran; it goes on in the sandbox ";
      text += what.sandbox;
      if (!followed) text += " (" + followed.error().message() + ")";
      co_return Error(Code::kUnavailable, std::move(text));
    }
    co_await async::Sleep(pause);
    pause = std::min<Duration>(pause * 2, seconds(1));
  }
}

Task<Result<RemoteExit>> RunPlain(ApiClient& api, RemoteCommand what, LogDemux::Sink sink) {
  ApiRequest request;
  request.method = "POST";
  request.path = "/toolbox/" + PercentEncode(what.sandbox) + "/process/execute";
  request.body = Body({{"command", what.command}});
  request.timeout = kPlainFor;
  auto answer = co_await api.CallForObject(std::move(request));
  if (!answer) co_return std::move(answer).error();
  const auto code = json::GetInt(*answer, "exitCode");
  if (!code) co_return Error(Code::kInternal, "the server's answer has no exit code");
  sink(LogDemux::Stream::kStdout, json::GetString(*answer, "result").value_or(""));
  co_return ExitIn(*answer, *code);
}

Task<Result<void>> DeleteSession(ApiClient& api, std::string sandbox, std::string session) {
  ApiRequest request;
  request.method = "DELETE";
  request.path = SessionPath(sandbox) + "/" + PercentEncode(session);
  auto done = co_await api.Call(std::move(request));
  if (!done && done.error().code() != Code::kNotFound) co_return std::move(done).error();
  co_return Ok();
}

Task<Result<void>> RunStep(ApiClient& api, std::string sandbox, std::string what,
                           std::string command, OnLine on_line) {
  std::string partial;
  std::deque<std::string> last;
  auto take = [&](LogDemux::Stream, std::string_view bytes) {
    partial += bytes;
    for (size_t end; (end = partial.find('\n')) != std::string::npos;) {
      const std::string line = partial.substr(0, end);
      partial.erase(0, end + 1);
      if (on_line) on_line(line);
      last.push_back(line);
      if (last.size() > kLinesKept) last.pop_front();
    }
  };
  RemoteCommand remote;
  remote.sandbox = sandbox;
  remote.session = "cove-" + RandomHex(6);
  // A shell of its own: a script that exits must not end the session.
  remote.command = "bash -c " + ShellQuote(command) + " </dev/null";
  const std::string session = remote.session;
  auto exit = co_await RunRemote(api, std::move(remote), take);
  auto deleted = co_await DeleteSession(api, sandbox, session);
  if (!exit) co_return std::move(exit).error().Wrap(what);
  if (exit->code != 0) {
    std::string text = what + " failed with exit code " + std::to_string(exit->code);
    if (!exit->reason.empty()) text += ": " + exit->reason;
    for (const std::string& line : last) text += "\n    " + line;
    if (!partial.empty()) text += "\n    " + partial;
    co_return Error(Code::kInternal, std::move(text));
  }
  if (!deleted) co_return std::move(deleted).error().Wrap(what);
  co_return Ok();
}

}  // namespace cove::agents
