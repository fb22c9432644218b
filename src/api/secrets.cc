// /api/secret: secrets of an organisation, and which of them a sandbox has. A value comes in once
// and is never part of an answer. Beside the contract's fields a secret has Cove's own: `methods`,
// `paths`, `in` (where its placeholder counts) and `header` (where it goes by itself).
#include <algorithm>

#include "api/routes.h"
#include "api/sandbox_dto.h"
#include "base/text.h"

namespace cove::api {
namespace {

using identity::SecretInfo;

constexpr std::string_view kManage = "manage:secrets";
constexpr size_t kPageMax = 200;
constexpr size_t kListMax = 1500;  // of the list without pages, as in the contract

json::Array Texts(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::Object SecretDto(const SecretInfo& secret) {
  json::Object out;
  out["id"] = secret.id;
  out["name"] = secret.name;
  out["description"] = secret.description;
  out["placeholder"] = secret.placeholder;
  out["hosts"] = Texts(secret.binding.hosts);
  out["methods"] = Texts(secret.binding.methods);
  out["paths"] = Texts(secret.binding.paths);
  out["in"] = Texts(secret.binding.places);
  out["header"] = secret.binding.header;
  out["createdAt"] = FormatIso(secret.created_at);
  out["updatedAt"] = FormatIso(secret.updated_at);
  return out;
}

bool Given(const json::Object& body, std::string_view name) {
  const json::Value* value = json::Find(body, name);
  return value != nullptr && !value->is_null();
}

Task<Result<void>> Create(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  identity::SecretRequest request;
  request.org = call.caller().org;
  CO_ASSIGN_OR_RETURN(request.name, RequiredText(body, "name"));
  CO_ASSIGN_OR_RETURN(request.value, RequiredText(body, "value"));
  CO_ASSIGN_OR_RETURN(const auto description, TextField(body, "description"));
  request.description = description.value_or("");
  CO_ASSIGN_OR_RETURN(request.binding.hosts, TextListField(body, "hosts"));
  CO_ASSIGN_OR_RETURN(request.binding.methods, TextListField(body, "methods"));
  CO_ASSIGN_OR_RETURN(request.binding.paths, TextListField(body, "paths"));
  CO_ASSIGN_OR_RETURN(request.binding.places, TextListField(body, "in"));
  CO_ASSIGN_OR_RETURN(const auto header, TextField(body, "header"));
  request.binding.header = header.value_or("");
  CO_ASSIGN_OR_RETURN(const auto secret, co_await call.deps().secrets->Create(std::move(request)));
  co_return co_await call.Reply(201, SecretDto(secret));
}

Result<std::optional<std::vector<std::string>>> ListPatch(const json::Object& body,
                                                          std::string_view name) {
  std::optional<std::vector<std::string>> out;
  if (!Given(body, name)) return out;
  ASSIGN_OR_RETURN(out, TextListField(body, name));
  return out;
}

Task<Result<void>> Update(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  identity::SecretPatch patch;
  CO_ASSIGN_OR_RETURN(patch.value, TextField(body, "value"));
  CO_ASSIGN_OR_RETURN(patch.description, TextField(body, "description"));
  CO_ASSIGN_OR_RETURN(patch.hosts, ListPatch(body, "hosts"));
  CO_ASSIGN_OR_RETURN(patch.methods, ListPatch(body, "methods"));
  CO_ASSIGN_OR_RETURN(patch.paths, ListPatch(body, "paths"));
  CO_ASSIGN_OR_RETURN(patch.places, ListPatch(body, "in"));
  CO_ASSIGN_OR_RETURN(patch.header, TextField(body, "header"));
  CO_ASSIGN_OR_RETURN(const auto secret,
                      co_await call.deps().secrets->Update(call.caller().org, call.Param("secret"),
                                                           std::move(patch)));
  co_return co_await call.Reply(200, SecretDto(secret));
}

Task<Result<void>> Get(Call& call) {
  const auto secret = call.deps().secrets->Find(call.caller().org, call.Param("secret"));
  if (!secret) {
    co_return Error(Code::kNotFound, "there is no secret '" + call.Param("secret") + "'");
  }
  co_return co_await call.Reply(200, SecretDto(*secret));
}

Task<Result<void>> Delete(Call& call) {
  CO_RETURN_IF_ERROR(co_await call.deps().secrets->Delete(call.caller().org, call.Param("secret")));
  co_return co_await call.ReplyEmpty(204);
}

Task<Result<void>> List(Call& call) {
  const auto all = call.deps().secrets->List(call.caller().org);
  if (all.size() > kListMax) {
    co_return Error(Code::kInvalid, "over 1500 secrets: use GET /api/secret/paginated");
  }
  json::Array out;
  for (const SecretInfo& secret : all) out.push_back(SecretDto(secret));
  co_return co_await call.Reply(200, out);
}

struct PageQuery {
  std::string cursor;  // the id of the last one of the page before
  size_t limit = 100;
  std::string name;
  std::string sort = "createdAt";
  bool ascending = false;
};

Result<PageQuery> ParsePageQuery(const http::RequestHead& request) {
  PageQuery out;
  out.cursor = request.Query("cursor").value_or("");
  out.name = request.Query("name").value_or("");
  out.sort = request.Query("sort").value_or(out.sort);
  const std::string order = request.Query("order").value_or("desc");
  const auto limit = ParseInt<size_t>(request.Query("limit").value_or("100"));
  if (!limit || *limit < 1 || *limit > kPageMax) {
    return Error(Code::kInvalid, "limit must be a whole number from 1 to 200");
  }
  if (out.sort != "name" && out.sort != "createdAt" && out.sort != "updatedAt") {
    return Error(Code::kInvalid, "sort must be name, createdAt or updatedAt");
  }
  if (order != "asc" && order != "desc") return Error(Code::kInvalid, "order must be asc or desc");
  out.limit = *limit;
  out.ascending = order == "asc";
  return out;
}

void Sort(std::vector<SecretInfo>& all, const PageQuery& query) {
  const auto less = [&](const SecretInfo& a, const SecretInfo& b) {
    if (query.sort == "createdAt" && a.created_at != b.created_at) {
      return a.created_at < b.created_at;
    }
    if (query.sort == "updatedAt" && a.updated_at != b.updated_at) {
      return a.updated_at < b.updated_at;
    }
    return a.name < b.name;
  };
  std::sort(all.begin(), all.end(), [&](const SecretInfo& a, const SecretInfo& b) {
    return query.ascending ? less(a, b) : less(b, a);
  });
}

Task<Result<void>> ListPaginated(Call& call) {
  CO_ASSIGN_OR_RETURN(const PageQuery query, ParsePageQuery(call.request()));
  auto all = call.deps().secrets->List(call.caller().org);
  std::erase_if(all, [&](const SecretInfo& secret) {
    return secret.name.find(query.name) == std::string::npos;
  });
  Sort(all, query);
  auto from = all.begin();
  if (!query.cursor.empty()) {
    from = std::find_if(all.begin(), all.end(),
                        [&](const SecretInfo& secret) { return secret.id == query.cursor; });
    if (from == all.end()) {
      co_return Error(Code::kInvalid, "the cursor is not known any more: list from the start");
    }
    ++from;
  }
  json::Array items;
  std::string last;
  for (; from != all.end() && items.size() < query.limit; ++from) {
    items.push_back(SecretDto(*from));
    last = from->id;
  }
  json::Object body;
  body["items"] = std::move(items);
  body["total"] = all.size();
  body["nextCursor"] = from == all.end() ? json::Value(nullptr) : json::Value(last);
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> SetOfSandbox(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  if (!Given(body, "secrets")) co_return Error(Code::kInvalid, "the field 'secrets' is missing");
  CO_ASSIGN_OR_RETURN(control::SecretMap secrets, SecretsField(body));
  CO_ASSIGN_OR_RETURN(const control::Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox,
                      co_await call.deps().sandboxes->SetSecrets(found.id, std::move(secrets)));
  co_return co_await call.Reply(200, SandboxDto(sandbox, call.origin()));
}

Task<Result<void>> Resolve(Call&) {
  co_return Error(Code::kDenied,
                  "values of secrets are never given out; the gateway puts them into requests");
}

}  // namespace

Result<control::SecretMap> SecretsField(const json::Object& body) {
  const Error wrong(Code::kInvalid,
                    "the field 'secrets' must be a list like [{\"API_KEY\": \"my-secret\"}]");
  control::SecretMap out;
  const json::Value* list = json::Find(body, "secrets");
  if (list == nullptr || list->is_null()) return out;
  if (!list->is_array()) return wrong;
  for (const json::Value& item : list->as_array()) {
    if (!item.is_object()) return wrong;
    for (const auto& [variable, name] : item.as_object()) {
      if (!name.is_string()) return wrong;
      out[std::string(variable)] = std::string(name.as_string());
    }
  }
  return out;
}

void AddSecretRoutes(Routes& routes) {
  routes.Add("GET", "/api/secret", &List, kManage);
  routes.Add("POST", "/api/secret", &Create, kManage);
  routes.Add("GET", "/api/secret/paginated", &ListPaginated, kManage);
  routes.Add("GET", "/api/secret/{secret}", &Get, kManage);
  routes.Add("PATCH", "/api/secret/{secret}", &Update, kManage);
  routes.Add("DELETE", "/api/secret/{secret}", &Delete, kManage);
  routes.Add("PUT", "/api/sandbox/{sandbox}/secrets", &SetOfSandbox, identity::kWriteSandboxes);
  routes.Add("GET", "/api/sandbox/{sandbox}/secrets", &Resolve, kManage);
}

}  // namespace cove::api
