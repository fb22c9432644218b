// /api/ai/budgets: what model calls may cost. Everybody may look; administrators change.
#include "api/audit_filter.h"
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

// What may be changed later, too.
Result<void> ReadTerms(const json::Object& body, bridge::Budget* budget) {
  ASSIGN_OR_RETURN(const auto limit, MoneyField(body));
  if (limit) budget->limit = *limit;
  RETURN_IF_ERROR(ReadChoice(body, "onExhausted", &bridge::ParseOnExhausted, "refuse, pause, warn",
                             &budget->on_exhausted));
  return ReadChoice(body, "unpriced", &bridge::ParseUnpriced, "refuse, allow", &budget->unpriced);
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

Task<Result<void>> Create(Call& call) {
  CO_RETURN_IF_ERROR(AdminsOnly(call));
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  bridge::Budget budget;
  budget.org = call.caller().org;
  budget.limit = -1;
  CO_RETURN_IF_ERROR(ReadChoice(body, "scope", &bridge::ParseScope,
                                "organization, user, key, token, template, sandbox",
                                &budget.scope));
  CO_RETURN_IF_ERROR(
      ReadChoice(body, "period", &bridge::ParsePeriod, "day, month, total", &budget.period));
  CO_ASSIGN_OR_RETURN(const auto subject, TextField(body, "subject"));
  budget.subject = subject.value_or("");
  if (budget.scope == bridge::Scope::kSandbox && budget.subject != "*") {
    CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox,
                        call.deps().sandboxes->Get(budget.org, budget.subject));
    budget.subject = sandbox.id.value;
  }
  CO_RETURN_IF_ERROR(ReadTerms(body, &budget));
  if (budget.limit < 0) {
    co_return Error(Code::kInvalid, "the field 'limitUsd' or 'limitMicroUsd' is missing");
  }
  CO_ASSIGN_OR_RETURN(budget, co_await call.deps().books->budgets().Create(std::move(budget)));
  co_return co_await call.Reply(201, Dto(call, budget));
}

Task<Result<void>> Change(Call& call) {
  CO_RETURN_IF_ERROR(AdminsOnly(call));
  bridge::Budgets& budgets = call.deps().books->budgets();
  auto budget = budgets.Find(call.caller().org, call.Param("budget"));
  if (!budget) co_return Error(Code::kNotFound, "there is no budget " + call.Param("budget"));
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_RETURN_IF_ERROR(ReadTerms(body, &*budget));
  CO_ASSIGN_OR_RETURN(budget, co_await budgets.Change(*std::move(budget)));
  co_return co_await call.Reply(200, Dto(call, *budget));
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
  routes.Add("POST", "/api/ai/budgets", &Create);
  routes.Add("GET", "/api/ai/budgets/{budget}", &Get);
  routes.Add("PATCH", "/api/ai/budgets/{budget}", &Change);
  routes.Add("DELETE", "/api/ai/budgets/{budget}", &Delete);
}

}  // namespace cove::api
