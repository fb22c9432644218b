// /api/ai/budgets: what model calls may cost. Everybody may look; administrators change.
#include "api/routes.h"
#include "bridge/call_json.h"

namespace cove::api {
namespace {

template <class T>
Result<void> ReadChoice(const json::Object& body, std::string_view name,
                        std::optional<T> (*parse)(std::string_view), std::string_view choices,
                        T* out) {
  ASSIGN_OR_RETURN(const auto text, TextField(body, name));
  if (!text) return Ok();
  const std::optional<T> value = parse(*text);
  if (!value) {
    return Error(Code::kInvalid,
                 "the field '" + std::string(name) + "' must be one of " + std::string(choices));
  }
  *out = *value;
  return Ok();
}

// Money as whole micro-dollars, or as dollars in a text ("12.50").
Result<std::optional<bridge::Micros>> MoneyField(const json::Object& body) {
  const json::Value* micros = json::Find(body, "limitMicroUsd");
  ASSIGN_OR_RETURN(const auto dollars, TextField(body, "limitUsd"));
  if (micros != nullptr && !micros->is_null()) {
    const auto value = json::GetInt(body, "limitMicroUsd");
    if (!value || dollars) {
      return Error(Code::kInvalid, "limitMicroUsd must be a whole number, without limitUsd");
    }
    return std::optional<bridge::Micros>(*value);
  }
  if (!dollars) return std::optional<bridge::Micros>();
  const auto value = bridge::ParseDollars(*dollars);
  if (!value) return Error(Code::kInvalid, "limitUsd must be dollars in a text, like \"12.50\"");
  return std::optional<bridge::Micros>(*value);
}

Result<void> ReadTerms(const json::Object& body, bridge::Budget* budget) {
  ASSIGN_OR_RETURN(const auto limit, MoneyField(body));
  if (limit) budget->limit = *limit;
  RETURN_IF_ERROR(ReadChoice(body, "onExhausted", &bridge::ParseOnExhausted, "refuse, pause, warn",
                             &budget->on_exhausted));
  return ReadChoice(body, "unpriced", &bridge::ParseUnpriced, "refuse, allow", &budget->unpriced);
}

// Sandboxes and keys may be given by name; rows have their ids.
Result<void> ResolveSubject(Call& call, bridge::Budget* budget) {
  if (budget->subject.empty() || budget->subject == "*") return Ok();
  if (budget->scope == bridge::Scope::kSandbox) {
    ASSIGN_OR_RETURN(const control::Sandbox sandbox,
                     call.deps().sandboxes->Get(budget->org, budget->subject));
    budget->subject = sandbox.id.value;
  }
  if (budget->scope == bridge::Scope::kKey) {
    const auto key = call.deps().keys->Find(budget->org, budget->subject);
    if (!key) return Error(Code::kNotFound, "there is no API key named '" + budget->subject + "'");
    budget->subject = key->id;
  }
  return Ok();
}

json::Object Dto(Call& call, const bridge::Budget& budget) {
  return bridge::ToJson(budget, call.deps().books->budgets().UseOf(budget));
}

Task<Result<void>> List(Call& call) {
  json::Array items;
  for (const auto& budget : call.deps().books->budgets().List(call.caller().org)) {
    items.emplace_back(Dto(call, budget));
  }
  json::Object body;
  body["items"] = std::move(items);
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Get(Call& call) {
  const auto budget = call.deps().books->budgets().Find(call.caller().org, call.Param("budget"));
  if (!budget) co_return Error(Code::kNotFound, "there is no budget " + call.Param("budget"));
  co_return co_await call.Reply(200, Dto(call, *budget));
}

// Which budget the body means, without its terms.
Result<bridge::Budget> KindOf(Call& call, const json::Object& body) {
  bridge::Budget out;
  out.org = call.caller().org;
  RETURN_IF_ERROR(ReadChoice(body, "scope", &bridge::ParseScope,
                             "organization, user, key, token, template, sandbox", &out.scope));
  RETURN_IF_ERROR(
      ReadChoice(body, "period", &bridge::ParsePeriod, "day, month, total", &out.period));
  ASSIGN_OR_RETURN(const auto subject, TextField(body, "subject"));
  out.subject = subject.value_or("");
  RETURN_IF_ERROR(ResolveSubject(call, &out));
  return out;
}

// Makes the budget of this scope, subject and period, or changes the terms that are given.
Task<Result<void>> Set(Call& call) {
  CO_RETURN_IF_ERROR(AdminsOnly(call));
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(bridge::Budget budget, KindOf(call, body));
  bridge::Budgets& budgets = call.deps().books->budgets();
  for (const bridge::Budget& known : budgets.List(budget.org)) {
    if (known.scope != budget.scope || known.subject != budget.subject) continue;
    if (known.period != budget.period) continue;
    budget = known;
    CO_RETURN_IF_ERROR(ReadTerms(body, &budget));
    CO_ASSIGN_OR_RETURN(budget, co_await budgets.Change(std::move(budget)));
    co_return co_await call.Reply(200, Dto(call, budget));
  }
  budget.limit = -1;
  CO_RETURN_IF_ERROR(ReadTerms(body, &budget));
  if (budget.limit < 0) {
    co_return Error(Code::kInvalid, "the field 'limitUsd' or 'limitMicroUsd' is missing");
  }
  CO_ASSIGN_OR_RETURN(budget, co_await budgets.Create(std::move(budget)));
  co_return co_await call.Reply(201, Dto(call, budget));
}

Task<Result<void>> Delete(Call& call) {
  CO_RETURN_IF_ERROR(AdminsOnly(call));
  CO_RETURN_IF_ERROR(
      co_await call.deps().books->budgets().Delete(call.caller().org, call.Param("budget")));
  co_return co_await call.ReplyEmpty(204);
}

}  // namespace

void AddAiBudgetRoutes(Routes& routes) {
  routes.Add("GET", "/api/ai/budgets", &List);
  routes.Add("PUT", "/api/ai/budgets", &Set);
  routes.Add("GET", "/api/ai/budgets/{budget}", &Get);
  routes.Add("DELETE", "/api/ai/budgets/{budget}", &Delete);
}

}  // namespace cove::api
