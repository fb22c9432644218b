// `cove audit`: what left sandboxes and what was refused.
#include "agents/terminal.h"
#include "audit/history.h"
#include "base/text.h"
#include "cli/context.h"
#include "cli/time_option.h"

namespace cove::cli {

namespace {

using agents::ApiRequest;

constexpr std::string_view kForms =
    "[query] | export | tail [-f] | verify [FILE] [--head NUMBER:HASH]; query, export and tail "
    "take --sandbox S --since T --until T --denied --allowed --host H --port N --user U "
    "--channel C --method M --path P --secret NAME --reason R; T: a time, or 10m, 2h, 7d ago";

// Filters that go to the server as they are.
constexpr std::string_view kPlain[] = {"host",   "port", "user",   "channel",
                                       "method", "path", "secret", "reason"};

Error WrongUsage() { return {Code::kInvalid, "usage: cove audit " + std::string(kForms)}; }

// The query string of the filters, from '?' on; it always has one parameter at least.
Result<std::string> FilterQuery(const Options& options) {
  std::string out = "?v=1";
  const auto add = [&out](std::string_view name, std::string_view value) {
    out += "&" + std::string(name) + "=" + PercentEncode(value);
  };
  if (options.Has("--sandbox")) add("sandboxId", options.Get("--sandbox"));
  for (const std::string_view name : kPlain) {
    const std::string option = "--" + std::string(name);
    if (!options.Has(option)) continue;
    if (options.Get(option).empty()) return Error(Code::kInvalid, option + " needs a value");
    add(name, options.Get(option));
  }
  for (const char* name : {"since", "until"}) {
    const std::string option = "--" + std::string(name);
    if (!options.Has(option)) continue;
    add(name, TimeOption(options.Get(option)));
  }
  if (options.Has("--denied") && options.Has("--allowed")) {
    return Error(Code::kInvalid, "--denied and --allowed exclude each other");
  }
  if (options.Has("--denied")) add("verdict", "deny");
  if (options.Has("--allowed")) add("verdict", "allow");
  return out;
}

std::string Where(const json::Object& row) {
  std::string out = Text(row, "host");
  if (out.empty()) out = Text(row, "claimed");
  const auto port = json::GetInt(row, "port");
  if (port && !Text(row, "host").empty()) out += ":" + std::to_string(*port);
  const std::string method = Text(row, "method");
  if (!method.empty()) out += " " + method + " " + Text(row, "path");
  return out;
}

// One line for people. Everything in it came from outside at some time: Printable.
void PrintRow(const json::Object& row) {
  if (Text(row, "kind") == "oom") {
    return PrintLine(Text(row, "time") + " OOM   " + Text(row, "sandbox").substr(0, 8) + " " +
                     std::to_string(Number(row, "kills")) + " killed for want of memory, " +
                     Text(row, "detail"));
  }
  if (Text(row, "kind") == "down") {
    return PrintLine(Text(row, "time") + " DOWN  " + Text(row, "sandbox").substr(0, 8) + " " +
                     Text(row, "detail"));
  }
  if (Text(row, "kind") == "pruned") {
    return PrintLine(Text(row, "time") + " PRUNE records up to " +
                     std::to_string(json::GetInt(row, "removed_to").value_or(0)) + " removed, " +
                     Text(row, "detail"));
  }
  const bool close = Text(row, "kind") == "close";
  const bool allow = json::GetBool(row, "allow").value_or(false);
  std::string line = Text(row, "time") + " " +
                     (close   ? "end  "
                      : allow ? "allow"
                              : "DENY ") +
                     " " + Text(row, "sandbox").substr(0, 8) + " " + Text(row, "channel") + " " +
                     Where(row) + " " + Text(row, "reason");
  const std::string secrets = Text(row, "secrets");
  if (!secrets.empty()) line += " with secret " + secrets;
  if (close) {
    line += " out " + std::to_string(Number(row, "bytes_out")) + " in " +
            std::to_string(Number(row, "bytes_in")) + " bytes, " +
            std::to_string(Number(row, "duration_micros") / 1000) + " ms";
  } else if (!Text(row, "rule").empty()) {
    line += " (" + Text(row, "layer") + ": " + Text(row, "rule") + ")";
  }
  PrintLine(line);
}

Task<int> Query(Context& context) {
  auto filter = FilterQuery(context.options);
  if (!filter) co_return Fail(filter.error());
  size_t left = 100;
  if (context.options.Has("--limit")) {
    const auto limit = ParseInt<size_t>(context.options.Get("--limit"));
    if (!limit || *limit == 0) co_return Fail(Error(Code::kInvalid, "--limit takes a number"));
    left = *limit;
  }
  constexpr size_t kPage = 1000;
  std::vector<json::Array> pages;
  std::string cursor;
  while (left > 0) {
    ApiRequest request;
    request.path = "/api/audit" + *filter + "&limit=" + std::to_string(std::min(left, kPage));
    if (!cursor.empty()) request.path += "&cursor=" + cursor;
    auto page = co_await context.api.CallForObject(std::move(request));
    if (!page) co_return Fail(page.error());
    if (const json::Array* items = json::GetArray(*page, "items")) {
      left -= std::min(left, items->size());
      pages.push_back(*items);
    }
    cursor = json::GetString(*page, "nextCursor").value_or("");
    if (cursor.empty()) break;
  }
  json::Array all;
  for (size_t i = pages.size(); i > 0; --i) {
    all.insert(all.end(), pages[i - 1].begin(), pages[i - 1].end());
  }
  if (context.json()) {
    PrintJson(all);
    co_return 0;
  }
  for (const json::Value& row : all) {
    if (row.is_object()) PrintRow(row.as_object());
  }
  co_return 0;
}

enum class Show { kLines, kRows };

// Prints whole lines as they come, until the stream ends.
Task<int> Follow(Context& context, std::string path, Show show) {
  ApiRequest request;
  request.path = std::move(path);
  auto stream = co_await context.api.Open(std::move(request));
  if (!stream) co_return Fail(stream.error());
  std::vector<char> buffer(64 * 1024);
  std::string carry;
  for (;;) {
    const auto n = co_await (*stream)->body().Read(buffer);
    if (!n) co_return Fail(n.error());
    if (*n == 0) co_return 0;
    carry.append(buffer.data(), *n);
    size_t start = 0;
    for (size_t end; (end = carry.find('\n', start)) != std::string::npos; start = end + 1) {
      const std::string_view line = std::string_view(carry).substr(start, end - start);
      if (line.empty()) continue;
      const auto row = show == Show::kRows ? json::ParseObject(line) : json::Object();
      if (show == Show::kLines) PrintLine(line);
      if (show == Show::kRows && row) PrintRow(*row);
    }
    carry.erase(0, start);
    if (std::fflush(stdout) != 0) co_return 1;
  }
}

Task<int> Export(Context& context) {
  auto filter = FilterQuery(context.options);
  if (!filter) co_return Fail(filter.error());
  co_return co_await Follow(context, "/api/audit/export" + *filter, Show::kLines);
}

Task<int> Tail(Context& context) {
  if (!context.options.Has("--follow")) co_return co_await Query(context);
  auto filter = FilterQuery(context.options);
  if (!filter) co_return Fail(filter.error());
  co_return co_await Follow(context, "/api/audit/tail" + *filter,
                            context.json() ? Show::kLines : Show::kRows);
}

// What verify found; gives the exit status.
int PrintVerdict(const Context& context, const json::Object& verdict) {
  constexpr int kPart = 6;
  const bool ok = json::GetBool(verdict, "ok").value_or(false);
  const bool part = Text(verdict, "state") == "part";
  if (context.json()) {
    PrintJson(verdict);
  } else {
    if (ok || part) PrintLine((ok ? "ok: head " : "part: head ") + Text(verdict, "head"));
    if (!ok) std::fprintf(stderr, "cove: %s\n", Text(verdict, "message").c_str());
  }
  return ok ? 0 : part ? kPart : 1;
}

Task<int> Verify(Context& context) {
  std::optional<audit::Head> wanted;
  const std::string noted = context.options.Get("--head");
  if (!noted.empty()) {
    wanted = audit::Head::Parse(noted);
    if (!wanted) co_return Fail(Error(Code::kInvalid, "--head takes NUMBER:HASH"));
  }
  if (context.args().size() == 2) {
    // A file that `export` or `tail` wrote, without a server.
    const auto text = ReadTextFile(context.args()[1]);
    const auto verdict = text ? audit::VerifyFile(*text, std::move(wanted)) : text.error();
    co_return PrintVerdict(context, audit::VerdictJson(verdict));
  }
  ApiRequest request;
  request.method = "POST";
  request.path = "/api/audit/verify";
  request.timeout = seconds(600);
  request.body = json::Value(json::Object{{"head", noted}});
  auto answer = co_await context.api.CallForObject(std::move(request));
  if (!answer) co_return Fail(answer.error());
  co_return PrintVerdict(context, *answer);
}

Task<int> Audit(Context& context) {
  const std::string what = context.args().empty() ? "query" : context.args()[0];
  const size_t most = what == "verify" ? 2 : 1;
  if (context.args().size() > most) co_return Fail(WrongUsage());
  if (what == "query") co_return co_await Query(context);
  if (what == "export") co_return co_await Export(context);
  if (what == "tail") co_return co_await Tail(context);
  if (what == "verify") co_return co_await Verify(context);
  co_return Fail(WrongUsage());
}

bool IsOffline(const Options& options) {
  return options.positional().size() == 2 && options.positional()[0] == "verify";
}

}  // namespace

Verb AuditVerb() {
  using Takes = OptionSpec::Takes;
  Verb verb;
  verb.name = "audit";
  verb.usage = "[query] | export | tail [-f] | verify ...";
  verb.summary = "what left, and what was refused";
  verb.options = {{"--sandbox"},
                  {"--since"},
                  {"--until"},
                  {"--host"},
                  {"--port"},
                  {"--user"},
                  {"--channel"},
                  {"--method"},
                  {"--path"},
                  {"--secret"},
                  {"--reason"},
                  {"--limit"},
                  {"--head"},
                  {"--denied", "", Takes::kNothing},
                  {"--allowed", "", Takes::kNothing},
                  {"--follow", "-f", Takes::kNothing}};
  verb.args_max = 2;
  verb.run = &Audit;
  verb.offline = &IsOffline;
  return verb;
}

}  // namespace cove::cli
