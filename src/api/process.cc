// /toolbox/{sandbox}/process: one command, run to its end.
#include "api/exit_reason.h"
#include "api/inside.h"
#include "api/routes.h"
#include "api/unless_gone.h"
#include "api/utf8.h"
#include "base/text.h"

namespace cove::api {
namespace {

// What one answer may hold of a command's output; a session's log is for more.
constexpr size_t kOutputMax = 32 * 1024 * 1024;
constexpr double kTimeoutMaxSeconds = 4'000'000;  // fits the contract's milliseconds

Result<toolbox::ExecRequest> CommonFields(const json::Object& body) {
  toolbox::ExecRequest out;
  ASSIGN_OR_RETURN(const auto cwd, TextField(body, "cwd"));
  ASSIGN_OR_RETURN(const auto envs, TextMapField(body, "envs"));
  ASSIGN_OR_RETURN(const auto timeout, NumberField(body, "timeout"));
  const double limit = timeout.value_or(0);
  if (!(limit >= 0 && limit <= kTimeoutMaxSeconds)) {
    return Error(Code::kInvalid, "the field 'timeout' must be seconds, 0 (none) or more");
  }
  out.timeout_ms = static_cast<uint32_t>(limit * 1000);
  out.cwd = cwd.value_or("");
  out.env.assign(envs.begin(), envs.end());
  out.merge_output = true;
  return out;
}

Task<Result<void>> ReplyOutcome(Call& call, toolbox::ExecOutput output, uint32_t timeout_ms) {
  if (output.status.reason == toolbox::ExitReason::kTimeout) {
    co_return Error(Code::kTimeout, "command execution timeout: it was killed after " +
                                        std::to_string(timeout_ms / 1000) + " s");
  }
  if (output.status.reason == toolbox::ExitReason::kSpawnFailed) {
    output.out = output.status.detail;
    output.status.code = -1;
  }
  if (output.truncated) {
    output.out += "\n[the output is cut here; run it in a session to get all of it]\n";
  }
  json::Object body;
  body["exitCode"] = output.status.code;
  body["result"] = LossyUtf8(output.out);
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  PutExitReason(body, sandbox, output.status);
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Execute(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(toolbox::ExecRequest request, CommonFields(body));
  CO_ASSIGN_OR_RETURN(request.command, RequiredText(body, "command"));
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  const uint32_t timeout_ms = request.timeout_ms;
  auto run = client.Run(std::move(request), kOutputMax);
  CO_ASSIGN_OR_RETURN(auto output, co_await UnlessGone(call.exchange(), std::move(run)));
  co_return co_await ReplyOutcome(call, std::move(output), timeout_ms);
}

// Which TypeScript runtime there is depends on the image.
constexpr std::string_view kTypeScript = R"(run() {
if command -v ts-node >/dev/null; then exec ts-node -T -O '{"module":"CommonJS"}' - "$@"
elif command -v tsx >/dev/null; then exec tsx - "$@"
elif node --experimental-strip-types -e 0 2>/dev/null; then
  exec node --experimental-strip-types --input-type=commonjs-typescript - "$@"
fi
echo "no TypeScript in this sandbox: it has neither ts-node, tsx nor Node.js 22.7" >&2
exit 127
}
run)";

// The interpreter's command line; the code comes on standard input.
Result<std::string> Interpreter(std::string_view language) {
  if (language == "python") return std::string("python3 -u -");
  if (language == "javascript") return std::string("node -");
  if (language == "typescript") return std::string(kTypeScript);
  return Error(Code::kInvalid,
               "the field 'language' must be python, javascript or typescript, not '" +
                   std::string(language) + "'");
}

Task<Result<toolbox::ExecOutput>> RunWithInput(toolbox::ToolboxClient& client,
                                               toolbox::ExecRequest request, std::string input) {
  request.stdin_open = true;
  CO_ASSIGN_OR_RETURN(auto exec, co_await client.Exec(std::move(request)));
  // An interpreter that is not there has ended already; its exit tells.
  if (co_await exec->WriteStdin(input)) (void)co_await exec->CloseStdin();
  toolbox::ExecOutput output;
  for (;;) {
    CO_ASSIGN_OR_RETURN(auto event, co_await exec->Next());
    if (event.kind == toolbox::ExecEvent::Kind::kExited) {
      output.status = std::move(event.status);
      co_return output;
    }
    const size_t room = kOutputMax - output.out.size();
    output.truncated = output.truncated || event.data.size() > room;
    output.out.append(event.data, 0, room);
  }
}

Task<Result<void>> CodeRun(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(toolbox::ExecRequest request, CommonFields(body));
  CO_ASSIGN_OR_RETURN(std::string code, RequiredText(body, "code"));
  CO_ASSIGN_OR_RETURN(const std::string language, RequiredText(body, "language"));
  CO_ASSIGN_OR_RETURN(request.command, Interpreter(language));
  CO_ASSIGN_OR_RETURN(const auto arguments, TextListField(body, "argv"));
  for (const std::string& argument : arguments) request.command += " " + ShellQuote(argument);
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  const uint32_t timeout_ms = request.timeout_ms;
  auto run = RunWithInput(client, std::move(request), std::move(code));
  CO_ASSIGN_OR_RETURN(auto output, co_await UnlessGone(call.exchange(), std::move(run)));
  co_return co_await ReplyOutcome(call, std::move(output), timeout_ms);
}

}  // namespace

void AddProcessRoutes(Routes& routes) {
  routes.AddInside("POST", "/process/execute", &Execute, Area::kProcess);
  routes.AddInside("POST", "/process/code-run", &CodeRun, Area::kProcess);
}

}  // namespace cove::api
