// /api/ai/tokens: short-lived tokens for agents outside. The token itself is shown once, in the
// answer to POST.
#include "api/routes.h"
#include "bridge/call_json.h"

namespace cove::api {
namespace {

constexpr int kLifeDefault = 3600;

Task<Result<void>> Create(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  bridge::Token token;
  token.org = call.caller().org;
  token.key_id = call.caller().key_id;
  CO_ASSIGN_OR_RETURN(const auto user, TextField(body, "userId"));
  token.user = user.value_or(call.caller().user);
  if (token.user != call.caller().user) CO_RETURN_IF_ERROR(AdminsOnly(call));
  CO_ASSIGN_OR_RETURN(const auto sandbox, TextField(body, "sandboxId"));
  if (sandbox && !sandbox->empty()) {
    // Its calls count as the sandbox's: they use up its budgets, which may pause it.
    CO_RETURN_IF_ERROR(CheckMay(call.caller(), identity::kWriteSandboxes));
    CO_ASSIGN_OR_RETURN(const control::Sandbox found,
                        call.deps().sandboxes->Get(token.org, *sandbox));
    token.sandbox = found.id;
  }
  CO_ASSIGN_OR_RETURN(const auto life, IntField(body, "expiresInSeconds"));
  CO_ASSIGN_OR_RETURN(const auto dollars, TextField(body, "budgetUsd"));
  std::optional<bridge::Micros> limit;
  if (dollars) {
    limit = bridge::ParseDollars(*dollars);
    if (!limit) {
      co_return Error(Code::kInvalid, "budgetUsd must be dollars in a text, like \"12.50\"");
    }
  }
  CO_ASSIGN_OR_RETURN(const bridge::NewToken made,
                      co_await call.deps().tokens->Create(
                          std::move(token), seconds(life.value_or(kLifeDefault)), limit));
  json::Object out = bridge::ToJson(made.token);
  out["token"] = made.secret;
  co_return co_await call.Reply(201, out);
}

// Administrators see all of their organisation's, others their own.
Task<Result<void>> List(Call& call) {
  const bool admin = IsAdmin(call);
  json::Array items;
  for (const bridge::Token& token : call.deps().tokens->List(call.caller().org)) {
    if (!call.deps().keys->FindValid(token.org, token.key_id)) continue;  // it is of no use
    if (admin || token.user == call.caller().user) items.emplace_back(bridge::ToJson(token));
  }
  json::Object body;
  body["items"] = std::move(items);
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Delete(Call& call) {
  const bool admin = IsAdmin(call);
  for (const bridge::Token& token : call.deps().tokens->List(call.caller().org)) {
    if (token.id != call.Param("token")) continue;
    if (!admin && token.user != call.caller().user) break;
    CO_RETURN_IF_ERROR(co_await call.deps().tokens->Delete(token.org, token.id));
    co_return co_await call.ReplyEmpty(204);
  }
  co_return Error(Code::kNotFound, "there is no token " + call.Param("token"));
}

}  // namespace

void AddAiTokenRoutes(Routes& routes) {
  routes.Add("POST", "/api/ai/tokens", &Create, identity::kUseModels);
  routes.Add("GET", "/api/ai/tokens", &List);
  routes.Add("DELETE", "/api/ai/tokens/{token}", &Delete, identity::kUseModels);
}

}  // namespace cove::api
