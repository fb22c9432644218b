// /api/api-keys: keys of an organisation. The key itself is shown once, in the answer to POST.
#include "api/routes.h"
#include "api/sandbox_dto.h"

namespace cove::api {
namespace {

constexpr std::string_view kManage = "manage:api_keys";

json::Array Texts(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::Value OptionalTime(const std::optional<WallTime>& time) {
  return time ? json::Value(FormatIso(*time)) : json::Value(nullptr);
}

json::Object KeyDto(const identity::KeyInfo& key) {
  return {{"name", key.name},
          {"value", key.masked},
          {"createdAt", FormatIso(key.created_at)},
          {"permissions", Texts(key.scopes)},
          {"lastUsedAt", OptionalTime(key.last_used_at)},
          {"expiresAt", OptionalTime(key.expires_at)},
          {"userId", key.user}};
}

Task<Result<void>> List(Call& call) {
  json::Array out;
  for (const auto& key : call.deps().keys->List(call.caller().org)) out.push_back(KeyDto(key));
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> ReplyKey(Call& call, const std::string& name) {
  const auto key = call.deps().keys->Find(call.caller().org, name);
  if (!key) co_return Error(Code::kNotFound, "there is no API key named '" + name + "'");
  co_return co_await call.Reply(200, KeyDto(*key));
}

Task<Result<void>> Get(Call& call) { return ReplyKey(call, call.Param("name")); }
Task<Result<void>> Current(Call& call) { return ReplyKey(call, call.caller().key_id); }

// A name that nothing has is a slip, whoever gives it. Nobody gives what they do not have. A key
// without scopes may more than any list says, so whoever has a list gives one.
Result<void> CheckGiven(const Call& call, const std::vector<std::string>& scopes) {
  RETURN_IF_ERROR(identity::CheckScopes(scopes));
  if (IsAdmin(call)) return Ok();
  const identity::Caller& caller = call.caller();
  if (scopes.empty()) {
    return Error(Code::kDenied, "name the permissions of the new key: the API key '" +
                                    caller.key_name + "' gives no more than its own");
  }
  for (const std::string& scope : scopes) {
    if (caller.May(scope)) continue;
    return Error(Code::kDenied, "the API key '" + caller.key_name + "' lacks the scope " + scope +
                                    " and cannot give it");
  }
  return Ok();
}

Task<Result<void>> Create(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  identity::KeyRequest request;
  request.org = call.caller().org;
  request.user = call.caller().user;
  CO_ASSIGN_OR_RETURN(request.name, RequiredText(body, "name"));
  CO_ASSIGN_OR_RETURN(request.scopes, TextListField(body, "permissions"));
  CO_RETURN_IF_ERROR(CheckGiven(call, request.scopes));
  CO_ASSIGN_OR_RETURN(const auto expires, TextField(body, "expiresAt"));
  if (expires) {
    request.expires_at = ParseIso(*expires);
    if (!request.expires_at) {
      co_return Error(Code::kInvalid, "expiresAt must be a time like 2026-11-21T01:02:03Z");
    }
  }
  CO_ASSIGN_OR_RETURN(const auto key, co_await call.deps().keys->Create(std::move(request)));
  json::Object out;
  out["name"] = key.info.name;
  out["value"] = key.secret;
  out["createdAt"] = FormatIso(key.info.created_at);
  out["permissions"] = Texts(key.info.scopes);
  out["expiresAt"] = OptionalTime(key.info.expires_at);
  co_return co_await call.Reply(201, out);
}

Task<Result<void>> Delete(Call& call) {
  CO_RETURN_IF_ERROR(co_await call.deps().keys->Delete(call.caller().org, call.Param("name")));
  co_return co_await call.ReplyEmpty(204);
}

}  // namespace

void AddKeyRoutes(Routes& routes) {
  routes.Add("GET", "/api/api-keys", &List, kManage);
  routes.Add("POST", "/api/api-keys", &Create, kManage);
  routes.Add("GET", "/api/api-keys/current", &Current);
  routes.Add("GET", "/api/api-keys/{name}", &Get, kManage);
  routes.Add("DELETE", "/api/api-keys/{name}", &Delete, kManage);
}

}  // namespace cove::api
