// /toolbox/{sandbox}/process/session: long-lived shells and the commands in them.
#include "api/exit_reason.h"
#include "api/inside.h"
#include "api/log_follow.h"
#include "api/routes.h"
#include "api/unless_gone.h"
#include "api/utf8.h"

namespace cove::api {
namespace {

constexpr size_t kLogMax = 32 * 1024 * 1024;  // what one answer may hold; following has no limit

json::Object CommandDto(const control::Sandbox& sandbox, const toolbox::CommandInfo& command) {
  json::Object out;
  out["id"] = command.id;
  out["command"] = LossyUtf8(command.command);
  // Absent while it runs: clients poll for it to appear.
  if (command.ended) out["exitCode"] = command.exit_code;
  PutExitReason(out, sandbox, command);
  return out;
}

json::Object SessionDto(const control::Sandbox& sandbox, const toolbox::SessionInfo& session) {
  json::Array commands;
  for (const auto& command : session.commands) commands.push_back(CommandDto(sandbox, command));
  json::Object out;
  out["sessionId"] = session.id;
  out["commands"] = std::move(commands);
  return out;
}

struct Logs {
  std::string raw;  // with stream markers
  std::string out;
  std::string err;
  toolbox::CommandInfo command;

  void PutInto(json::Object& body) const {
    body["output"] = LossyUtf8(raw);
    body["stdout"] = LossyUtf8(out);
    body["stderr"] = LossyUtf8(err);
  }
};

Task<Result<Logs>> ReadLogs(toolbox::ToolboxClient& client, toolbox::CommandLogs request) {
  using Kind = toolbox::LogEvent::Kind;
  CO_ASSIGN_OR_RETURN(auto stream, co_await client.Logs(std::move(request)));
  Logs logs;
  LogMarker marker;
  for (;;) {
    CO_ASSIGN_OR_RETURN(auto event, co_await stream->Next());
    if (event.kind == Kind::kEnd) {
      logs.command = std::move(event.command);
      co_return logs;
    }
    if (logs.raw.size() + event.data.size() > kLogMax) continue;
    const bool err = event.kind == Kind::kStderr;
    (err ? logs.err : logs.out) += event.data;
    logs.raw +=
        marker.Mark(err ? LogMarker::Stream::kStderr : LogMarker::Stream::kStdout, event.data);
  }
}

Task<Result<void>> Create(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(std::string session, RequiredText(body, "sessionId"));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_RETURN_IF_ERROR(co_await client.CreateSession(std::move(session)));
  co_return co_await call.ReplyEmpty(201);
}

Task<Result<void>> List(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto sessions, co_await client.ListSessions());
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  json::Array out;
  for (const auto& session : sessions) out.push_back(SessionDto(sandbox, session));
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> Get(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto session, co_await client.GetSession(call.Param("session")));
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  co_return co_await call.Reply(200, SessionDto(sandbox, session));
}

Task<Result<void>> Delete(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_RETURN_IF_ERROR(co_await client.DeleteSession(call.Param("session")));
  co_return co_await call.ReplyEmpty(204);
}

Task<Result<void>> Execute(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  toolbox::SessionExec request;
  request.session = call.Param("session");
  CO_ASSIGN_OR_RETURN(request.command, RequiredText(body, "command"));
  CO_ASSIGN_OR_RETURN(const auto run_async, BoolField(body, "runAsync"));
  CO_ASSIGN_OR_RETURN(const auto async_old, BoolField(body, "async"));
  CO_ASSIGN_OR_RETURN(const auto suppress, BoolField(body, "suppressInputEcho"));
  request.async = run_async.value_or(false) || async_old.value_or(false);
  request.suppress_input_echo = suppress.value_or(false);
  const bool wait = !request.async;
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto command, co_await client.SessionExecute(std::move(request)));
  json::Object out;
  out["cmdId"] = command.id;
  if (!wait) co_return co_await call.Reply(202, out);
  toolbox::CommandLogs follow{call.Param("session"), command.id, true};
  CO_ASSIGN_OR_RETURN(const Logs logs,
                      co_await UnlessGone(call.exchange(), ReadLogs(client, std::move(follow))));
  out["exitCode"] = logs.command.exit_code;
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  PutExitReason(out, sandbox, logs.command);
  logs.PutInto(out);
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> GetCommand(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto command,
                      co_await client.GetCommand(call.Param("session"), call.Param("command")));
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  co_return co_await call.Reply(200, CommandDto(sandbox, command));
}

Task<Result<void>> Input(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(auto data, TextField(body, "data"));
  if (!data) co_return Error(Code::kInvalid, "the field 'data' is missing");
  if (!data->ends_with('\n')) *data += '\n';
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_RETURN_IF_ERROR(
      co_await client.SendInput(call.Param("session"), call.Param("command"), *std::move(data)));
  co_return co_await call.ReplyEmpty(204);
}

Task<Result<void>> LogsOnce(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  toolbox::CommandLogs request{call.Param("session"), call.Param("command"), false};
  CO_ASSIGN_OR_RETURN(const Logs logs, co_await ReadLogs(client, std::move(request)));
  json::Object out;
  logs.PutInto(out);
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> CommandLogs(Call& call) {
  const bool follow = call.request().Query("follow").value_or("false") == "true";
  return follow ? FollowLogs(call) : LogsOnce(call);
}

}  // namespace

void AddSessionRoutes(Routes& routes) {
  const std::string sessions = "/process/session";
  const std::string session = sessions + "/{session}";
  const std::string command = session + "/command/{command}";
  routes.AddInside("POST", sessions, &Create, Area::kProcess);
  routes.AddInside("GET", sessions, &List, Area::kProcess);
  routes.AddInside("GET", session, &Get, Area::kProcess);
  routes.AddInside("DELETE", session, &Delete, Area::kProcess);
  routes.AddInside("POST", session + "/exec", &Execute, Area::kProcess);
  routes.AddInside("GET", command, &GetCommand, Area::kProcess);
  routes.AddInside("GET", command + "/logs", &CommandLogs, Area::kProcess);
  routes.AddInside("POST", command + "/input", &Input, Area::kProcess);
}

}  // namespace cove::api
