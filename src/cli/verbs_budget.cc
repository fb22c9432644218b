// `cove budget`: what model calls may cost; `cove token`: a short-lived token for an agent outside.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/context.h"
#include "cli/time_option.h"

namespace cove::cli {

namespace {

using agents::ApiRequest;

constexpr std::string_view kBudgetForms =
    "ls | set SCOPE [SUBJECT] DOLLARS [--per day|month|total] [--on-exhausted refuse|pause|warn] "
    "[--unpriced refuse|allow] | rm ID; SCOPE: organization, user, key, template, sandbox; "
    "SUBJECT: whose, or '*' for each one";
constexpr std::string_view kTokenForms =
    "[--sandbox S] [--user U] [--budget DOLLARS] [--for 1h] | ls | rm ID";

ApiRequest Make(std::string method, std::string path, std::optional<json::Value> body = {}) {
  ApiRequest out;
  out.method = std::move(method);
  out.path = std::move(path);
  out.body = std::move(body);
  return out;
}

// The items of a list, each an object; what `print` shows of them, or all as JSON.
Task<int> PrintList(Context& context, std::string path, void (*print)(const json::Object&)) {
  auto answer = co_await context.api.CallForObject(Make("GET", std::move(path)));
  if (!answer) co_return Fail(answer.error());
  const json::Array* items = json::GetArray(*answer, "items");
  if (items == nullptr) co_return 0;
  if (context.json()) {
    PrintJson(*items);
    co_return 0;
  }
  for (const json::Value& value : *items) {
    if (value.is_object()) print(value.as_object());
  }
  co_return 0;
}

Task<int> Remove(Context& context, std::string path) {
  auto done = co_await context.api.Call(Make("DELETE", std::move(path)));
  co_return done ? 0 : Fail(done.error());
}

void PrintBudget(const json::Object& budget) {
  PrintLine(fmt::format("{}  {} {}  ${} a {}, then {}", Text(budget, "id"), Text(budget, "scope"),
                        Text(budget, "subject"), DollarText(Number(budget, "limitMicroUsd")),
                        Text(budget, "period"), Text(budget, "onExhausted")));
  const json::Array* uses = json::GetArray(budget, "use");
  if (uses == nullptr) return;
  for (const json::Value& value : *uses) {
    if (!value.is_object()) continue;
    const json::Object& use = value.as_object();
    PrintLine(fmt::format("    {:<36} spent ${} in {} calls, {} under way", Text(use, "subject"),
                          DollarText(Number(use, "spentMicroUsd")), Number(use, "calls"),
                          Number(use, "inFlight")));
  }
}

Task<int> SetBudget(Context& context) {
  const auto& args = context.args();
  const bool whole = args.size() > 1 && args[1] == "organization";
  if (args.size() != (whole ? 3U : 4U)) {
    co_return Fail(Error(Code::kInvalid, "usage: cove budget " + std::string(kBudgetForms)));
  }
  json::Object body;
  body["scope"] = args[1];
  if (!whole) body["subject"] = args[2];
  body["limitUsd"] = args.back();
  body["period"] = context.options.Has("--per") ? context.options.Get("--per") : "month";
  if (context.options.Has("--on-exhausted")) {
    body["onExhausted"] = context.options.Get("--on-exhausted");
  }
  if (context.options.Has("--unpriced")) body["unpriced"] = context.options.Get("--unpriced");
  auto budget = co_await context.api.CallForObject(
      Make("PUT", "/api/ai/budgets", json::Value(std::move(body))));
  if (!budget) co_return Fail(budget.error());
  if (context.json()) {
    PrintJson(*budget);
  } else {
    PrintBudget(*budget);
  }
  co_return 0;
}

Task<int> RunBudget(Context& context) {
  const std::string what = context.args().empty() ? "ls" : context.args()[0];
  if (what == "ls") co_return co_await PrintList(context, "/api/ai/budgets", &PrintBudget);
  if (what == "set") co_return co_await SetBudget(context);
  if (what == "rm" && context.args().size() == 2) {
    co_return co_await Remove(context, "/api/ai/budgets/" + PercentEncode(context.args()[1]));
  }
  co_return Fail(Error(Code::kInvalid, "usage: cove budget " + std::string(kBudgetForms)));
}

void PrintToken(const json::Object& token) {
  PrintLine(fmt::format("{}  {}  {}  until {}", Text(token, "id"), Text(token, "userId"),
                        Text(token, "sandboxId"), Text(token, "expiresAt")));
}

// Prints the token and nothing else: `cove token` can stand as auth.command of a Codex provider.
Task<int> MakeToken(Context& context) {
  json::Object body;
  if (context.options.Has("--sandbox")) body["sandboxId"] = context.options.Get("--sandbox");
  if (context.options.Has("--user")) body["userId"] = context.options.Get("--user");
  if (context.options.Has("--budget")) body["budgetUsd"] = context.options.Get("--budget");
  if (context.options.Has("--for")) {
    const auto life = SpanSeconds(context.options.Get("--for"));
    if (!life) co_return Fail(Error(Code::kInvalid, "--for takes a span like 30m, 2h or 7d"));
    body["expiresInSeconds"] = *life;
  }
  auto token = co_await context.api.CallForObject(
      Make("POST", "/api/ai/tokens", json::Value(std::move(body))));
  if (!token) co_return Fail(token.error());
  if (context.json()) {
    PrintJson(*token);
  } else {
    PrintLine(Text(*token, "token"));
  }
  co_return 0;
}

Task<int> RunToken(Context& context) {
  const auto& args = context.args();
  if (args.empty()) co_return co_await MakeToken(context);
  if (args[0] == "ls" && args.size() == 1) {
    co_return co_await PrintList(context, "/api/ai/tokens", &PrintToken);
  }
  if (args[0] == "rm" && args.size() == 2) {
    co_return co_await Remove(context, "/api/ai/tokens/" + PercentEncode(args[1]));
  }
  co_return Fail(Error(Code::kInvalid, "usage: cove token " + std::string(kTokenForms)));
}

}  // namespace

std::vector<Verb> BudgetVerbs() {
  Verb budget;
  budget.name = "budget";
  budget.usage = "ls | set SCOPE [SUBJECT] USD ... | rm ID";
  budget.summary = "what model calls may cost";
  budget.options = {{"--per"}, {"--on-exhausted"}, {"--unpriced"}};
  budget.args_max = 4;
  budget.run = &RunBudget;
  Verb token;
  token.name = "token";
  token.usage = "[--sandbox S] [--for 1h] ... | ls | rm ID";
  token.summary = "a short-lived token for model calls from outside";
  token.options = {{"--sandbox"}, {"--user"}, {"--budget"}, {"--for"}};
  token.args_max = 2;
  token.run = &RunToken;
  return {budget, token};
}

}  // namespace cove::cli
