// `cove usage`: what model calls used and cost, added up; `cove logs --ai`: one by one.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/context.h"
#include "cli/time_option.h"

namespace cove::cli {

namespace {

using agents::ApiRequest;

// The query string of the filters, from '?' on.
std::string FilterQuery(const Options& options) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"--sandbox", "sandboxId"}, {"--user", "userId"},       {"--template", "template"},
      {"--model", "model"},       {"--provider", "provider"}, {"--outcome", "outcome"}};
  std::string out = "?v=1";
  for (const auto& [option, name] : kNames) {
    if (!options.Has(option)) continue;
    out += "&" + std::string(name) + "=" + PercentEncode(options.Get(option));
  }
  for (const std::string name : {"since", "until"}) {
    if (!options.Has("--" + name)) continue;
    out += "&" + name + "=" + PercentEncode(TimeOption(options.Get("--" + name)));
  }
  return out;
}

// What the server sends is the file.
Task<int> PrintExport(Context& context, std::string path) {
  ApiRequest request;
  request.path = std::move(path);
  auto stream = co_await context.api.Open(std::move(request));
  if (!stream) co_return Fail(stream.error());
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    const auto n = co_await (*stream)->body().Read(buffer);
    if (!n) co_return Fail(n.error());
    if (*n == 0) co_return 0;
    if (std::fwrite(buffer.data(), 1, *n, stdout) != *n) co_return 1;
  }
}

std::string Cost(const json::Object& row) { return "$" + DollarText(Number(row, "costMicroUsd")); }

// What a reader of the sum must know besides: it is less than what was spent.
std::string Remarks(const json::Object& sum) {
  std::string out;
  const auto add = [&](std::string_view key, std::string_view what) {
    if (Number(sum, key) > 0) out += fmt::format("  {} {}", Number(sum, key), what);
  };
  add("webSearches", "searches");
  add("unpriced", "UNPRICED");
  add("estimated", "estimated");
  add("failed", "failed");
  add("refused", "REFUSED");
  return out;
}

void PrintSum(const std::string& name, const json::Object& sum) {
  PrintLine(fmt::format("{:<44} {:>6} {:>11} {:>11} {:>9} {:>10} {:>12}{}", name,
                        Number(sum, "calls"), Number(sum, "inputTokens"),
                        Number(sum, "cachedTokens"), Number(sum, "cacheWriteTokens"),
                        Number(sum, "outputTokens"), Cost(sum), Remarks(sum)));
}

void PrintSums(const json::Object& answer, const std::vector<std::string>& groups) {
  PrintLine(fmt::format("{:<44} {:>6} {:>11} {:>11} {:>9} {:>10} {:>12}", "", "calls", "input",
                        "cached", "written", "output", "cost"));
  if (const json::Array* items = json::GetArray(answer, "items")) {
    for (const json::Value& value : *items) {
      if (!value.is_object()) continue;
      std::string name;
      for (const std::string& group : groups) {
        const std::string part = Text(value.as_object(), group);
        name += (name.empty() ? "" : " ") + (part.empty() ? "-" : part);
      }
      PrintSum(name, value.as_object());
    }
  }
  if (const json::Object* total = json::GetObject(answer, "total")) PrintSum("in all", *total);
}

Task<int> Usage(Context& context) {
  const std::string by = context.options.Has("--by") ? context.options.Get("--by") : "model";
  std::string path = "/api/ai/usage" + FilterQuery(context.options) + "&by=" + PercentEncode(by);
  if (context.options.Has("--csv")) co_return co_await PrintExport(context, path + "&format=csv");
  ApiRequest request;
  request.path = std::move(path);
  auto answer = co_await context.api.CallForObject(std::move(request));
  if (!answer) co_return Fail(answer.error());
  std::vector<std::string> groups;
  for (const std::string_view name : Split(by, ',')) groups.emplace_back(Trim(name));
  if (context.json()) {
    PrintJson(*answer);
  } else {
    PrintSums(*answer, groups);
  }
  co_return 0;
}

// One line for people. Names in it came from outside at some time: Printable.
void PrintCall(const json::Object& call) {
  std::string cost = "UNPRICED";
  const std::string basis = Text(call, "costBasis");
  if (basis == "usage" || basis == "none") cost = Cost(call);
  if (basis == "estimated") cost = "about " + Cost(call);
  if (basis.empty()) cost = "";
  const std::string where =
      Text(call, "sandboxId").empty() ? "outside" : Text(call, "sandboxId").substr(0, 8);
  if (Text(call, "outcome") == "refused") {
    PrintLine(fmt::format("{} {:<8} {:<12} {}/{} {} {}", Text(call, "startedAt"), where, "refused",
                          Text(call, "provider"),
                          Text(call, "model").empty() ? Text(call, "api") : Text(call, "model"),
                          Number(call, "status"), Text(call, "refusal")));
    return;
  }
  PrintLine(fmt::format(
      "{} {:<8} {:<12} {}/{} {} in {}+{} out {} {} {} ms", Text(call, "startedAt"), where,
      Text(call, "outcome"), Text(call, "provider"), Text(call, "model"), Number(call, "status"),
      Number(call, "inputTokens"), Number(call, "cachedTokens"), Number(call, "outputTokens"), cost,
      static_cast<int64_t>(json::GetNumber(call, "durationMs").value_or(0))));
}

Task<int> Logs(Context& context) {
  if (!context.options.Has("--ai")) {
    co_return Fail(Error(Code::kInvalid, "usage: cove logs --ai [SANDBOX]: the model calls"));
  }
  std::string path = "/api/ai/calls" + FilterQuery(context.options);
  if (!context.args().empty()) path += "&sandboxId=" + PercentEncode(context.args()[0]);
  for (const std::string format : {"csv", "ndjson"}) {
    if (!context.options.Has("--" + format)) continue;
    co_return co_await PrintExport(context, path + "&format=" + format);
  }
  const std::string limit = context.options.Has("--limit") ? context.options.Get("--limit") : "100";
  ApiRequest request;
  request.path = path + "&limit=" + PercentEncode(limit);
  auto answer = co_await context.api.CallForObject(std::move(request));
  if (!answer) co_return Fail(answer.error());
  const json::Array* items = json::GetArray(*answer, "items");
  if (items == nullptr) co_return 0;
  // Oldest first, as a log is read.
  const json::Array ordered(items->rbegin(), items->rend());
  if (context.json()) {
    PrintJson(ordered);
    co_return 0;
  }
  for (const json::Value& value : ordered) {
    if (value.is_object()) PrintCall(value.as_object());
  }
  co_return 0;
}

}  // namespace

std::vector<Verb> ModelVerbs() {
  using Takes = OptionSpec::Takes;
  const std::vector<OptionSpec> filters = {
      {"--sandbox"}, {"--user"},     {"--template"},
      {"--model"},   {"--provider"}, {"--since"},
      {"--until"},   {"--outcome"},  {"--csv", "", Takes::kNothing}};
  Verb usage;
  usage.name = "usage";
  usage.usage = "[--by day,user,...] [--since 7d] ...";
  usage.summary = "what model calls used and cost";
  usage.options = filters;
  usage.options.push_back({"--by"});
  usage.run = &Usage;
  Verb logs;
  logs.name = "logs";
  logs.usage = "--ai [SANDBOX] [--since 1h] [--csv]";
  logs.summary = "the model calls, one by one";
  logs.options = filters;
  logs.options.push_back({"--ai", "", Takes::kNothing});
  logs.options.push_back({"--ndjson", "", Takes::kNothing});
  logs.options.push_back({"--limit"});
  logs.args_max = 1;
  logs.run = &Logs;
  return {usage, logs};
}

}  // namespace cove::cli
