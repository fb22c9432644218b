// The verbs about sandboxes: create, ls, info, start, stop, pause, rm, preview.
#include "agents/codex_snapshot.h"
#include "agents/terminal.h"
#include "base/text.h"
#include "cli/context.h"

namespace cove::cli {

namespace {

using agents::ApiRequest;

std::string Path(const std::string& sandbox, std::string_view rest = {}) {
  return "/api/sandbox/" + PercentEncode(sandbox) + std::string(rest);
}

Result<void> PutPairs(json::Object& body, std::string_view key,
                      const std::vector<std::string>& pairs, std::string_view option) {
  json::Object map;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Error(Code::kInvalid, std::string(option) + " takes NAME=VALUE, not '" + pair + "'");
    }
    map[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  body[key] = std::move(map);
  return Ok();
}

Result<void> PutNumber(json::Object& body, std::string_view key, const Options& options,
                       std::string_view option) {
  if (!options.Has(option)) return Ok();
  auto parsed = json::Parse(options.Get(option));
  if (!parsed || !parsed->is_number()) {
    return Error(Code::kInvalid,
                 std::string(option) + " takes a number, not '" + options.Get(option) + "'");
  }
  body[key] = *std::move(parsed);
  return Ok();
}

Result<json::Object> CreateBody(const Options& options) {
  json::Object body;
  if (options.Has("--name")) body["name"] = options.Get("--name");
  if (options.Has("--snapshot")) body["snapshot"] = options.Get("--snapshot");
  if (options.Has("--public")) body["public"] = true;
  RETURN_IF_ERROR(PutPairs(body, "env", options.All("--env"), "--env"));
  RETURN_IF_ERROR(PutPairs(body, "labels", options.All("--label"), "--label"));
  RETURN_IF_ERROR(PutNumber(body, "cpu", options, "--cpu"));
  RETURN_IF_ERROR(PutNumber(body, "memory", options, "--memory"));
  RETURN_IF_ERROR(PutNumber(body, "disk", options, "--disk"));
  RETURN_IF_ERROR(PutNumber(body, "pids", options, "--pids"));
  RETURN_IF_ERROR(PutNumber(body, "ioWeight", options, "--io-weight"));
  RETURN_IF_ERROR(PutNumber(body, "autoStopInterval", options, "--auto-stop"));
  return body;
}

// They came from outside at some time.
void PrintWarnings(const json::Object& answer) {
  const json::Array* warnings = json::GetArray(answer, "warnings");
  if (warnings == nullptr) return;
  for (const json::Value& warning : *warnings) {
    if (!warning.is_string()) continue;
    const std::string text = agents::Printable(std::string(warning.as_string()));
    std::fprintf(stderr, "cove: warning: %s\n", text.c_str());
  }
}

Task<int> Create(Context& context) {
  auto body = CreateBody(context.options);
  if (!body) co_return Fail(body.error());
  ApiRequest request;
  request.method = "POST";
  request.path = "/api/sandbox";
  request.body = json::Value(*std::move(body));
  request.timeout = seconds(900);  // a first one captures the host
  auto made = co_await context.api.CallForObject(std::move(request));
  if (!made) co_return Fail(made.error());
  PrintWarnings(*made);
  if (context.json()) {
    PrintJson(*made);
  } else {
    PrintLine(Text(*made, "id"));
  }
  co_return 0;
}

Task<int> List(Context& context) {
  json::Array all;
  std::string cursor;
  do {
    ApiRequest request;
    request.path = "/api/sandbox?limit=200";
    if (!cursor.empty()) request.path += "&cursor=" + PercentEncode(cursor);
    auto page = co_await context.api.CallForObject(std::move(request));
    if (!page) co_return Fail(page.error());
    cursor = json::GetString(*page, "nextCursor").value_or("");
    const json::Array* items = json::GetArray(*page, "items");
    if (items == nullptr) break;
    all.insert(all.end(), items->begin(), items->end());
  } while (!cursor.empty());
  if (context.json()) {
    PrintJson(all);
    co_return 0;
  }
  std::printf("%-36s  %-10s  %-24s  %s\n", "ID", "STATE", "SNAPSHOT", "NAME");
  for (const json::Value& value : all) {
    if (!value.is_object()) continue;
    const json::Object& box = value.as_object();
    std::printf("%-36s  %-10s  %-24s  %s\n", Text(box, "id").c_str(), Text(box, "state").c_str(),
                Text(box, "snapshot").c_str(), Text(box, "name").c_str());
  }
  co_return 0;
}

Task<int> Info(Context& context) {
  ApiRequest request;
  request.path = Path(context.args()[0]);
  auto box = co_await context.api.CallForObject(std::move(request));
  if (!box) co_return Fail(box.error());
  if (context.json()) {
    PrintJson(*box);
    co_return 0;
  }
  for (const auto& field : *box) {
    const json::Value& value = field.value();
    if (value.is_null()) continue;
    const std::string text =
        value.is_string() ? std::string(value.as_string()) : json::Write(value);
    PrintLine(std::string(field.key()) + ": " + agents::Printable(text));
  }
  co_return 0;
}

// One call per sandbox named; the first failure is the exit code, the others are still tried.
Task<int> ForEach(Context& context, std::string method, std::string rest) {
  int code = 0;
  for (const std::string& sandbox : context.args()) {
    ApiRequest request;
    request.method = method;
    request.path = Path(sandbox, rest);
    auto done = co_await context.api.Call(std::move(request));
    if (!done) {
      const int failed = Fail(done.error());
      if (code == 0) code = failed;
    } else if (context.json()) {
      PrintJson(*done);
    } else {
      PrintLine(sandbox);
    }
  }
  co_return code;
}

Task<int> Start(Context& context) { return ForEach(context, "POST", "/start"); }
Task<int> Stop(Context& context) {
  return ForEach(context, "POST", context.options.Has("--force") ? "/stop?force=true" : "/stop");
}
Task<int> Pause(Context& context) { return ForEach(context, "POST", "/pause"); }
Task<int> Remove(Context& context) { return ForEach(context, "DELETE", ""); }

Task<int> Preview(Context& context) {
  const std::string port = context.args()[1];
  if (!ParseInt<uint16_t>(port)) {
    co_return Fail(Error(Code::kInvalid, "'" + port + "' is no port"));
  }
  ApiRequest request;
  request.path = Path(context.args()[0], "/ports/" + port + "/preview-url");
  auto link = co_await context.api.CallForObject(std::move(request));
  if (!link) co_return Fail(link.error());
  if (context.json()) {
    PrintJson(*link);
    co_return 0;
  }
  std::string url = Text(*link, "url");
  if (!url.ends_with('/')) url += '/';
  PrintLine(url + "?DAYTONA_SANDBOX_AUTH_KEY=" + Text(*link, "token"));
  co_return 0;
}

Verb Make(std::string_view name, std::string_view usage, std::string_view summary, VerbFn run,
          size_t args_min, size_t args_max) {
  Verb verb;
  verb.name = name;
  verb.usage = usage;
  verb.summary = summary;
  verb.run = run;
  verb.args_min = args_min;
  verb.args_max = args_max;
  return verb;
}

}  // namespace

std::vector<Verb> SandboxVerbs() {
  Verb create = Make("create", "[--name N] [--snapshot S] [--env N=V] ...",
                     "make a sandbox; prints its id", &Create, 0, 0);
  create.options = {{"--name"},
                    {"--snapshot"},
                    {"--env", "-e"},
                    {"--label", "-l"},
                    {"--cpu"},
                    {"--memory"},
                    {"--disk"},
                    {"--pids"},
                    {"--io-weight"},
                    {"--auto-stop"},
                    {"--public", "", OptionSpec::Takes::kNothing}};
  Verb stop = Make("stop", "[--force] SANDBOX...", "stop; the files stay", &Stop, 1, SIZE_MAX);
  stop.options = {{"--force", "-f", OptionSpec::Takes::kNothing}};
  return {create,
          Make("ls", "", "list the sandboxes", &List, 0, 0),
          Make("info", "SANDBOX", "everything about one", &Info, 1, 1),
          Make("start", "SANDBOX...", "start stopped or paused ones", &Start, 1, SIZE_MAX),
          Make("pause", "SANDBOX...", "freeze; start goes on where they were", &Pause, 1, SIZE_MAX),
          stop,
          Make("rm", "SANDBOX...", "delete, files and all", &Remove, 1, SIZE_MAX),
          Make("preview", "SANDBOX PORT", "a link to a port inside", &Preview, 2, 2)};
}

}  // namespace cove::cli
