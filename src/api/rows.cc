// /api/audit and /api/ai/usage: the newest rows of two books, as {"items": […]}.
#include "api/routes.h"
#include "base/text.h"

namespace cove::api {
namespace {

constexpr size_t kRowsMax = 10'000;

// The sandbox by id or name; one that is gone still has rows, which administrators may see.
Result<SandboxId> SandboxQuery(const Call& call) {
  const std::string text = call.request().Query("sandboxId").value_or("");
  if (text.empty()) return SandboxId();
  auto sandbox = call.deps().sandboxes->Get(call.caller().org, text);
  if (sandbox) return sandbox->id;
  if (call.caller().role != identity::Role::kAdmin) return std::move(sandbox).error();
  return SandboxId(text);
}

Task<Result<void>> ReplyRows(Call& call, const Rows& rows, std::string_view what) {
  if (!rows) co_return co_await call.ReplyUnsupported(std::string(what));
  RowsQuery query;
  query.org = call.caller().org;
  CO_ASSIGN_OR_RETURN(query.sandbox, SandboxQuery(call));
  if (const auto text = call.request().Query("limit"); text && !text->empty()) {
    const auto limit = ParseInt<size_t>(*text);
    if (!limit || *limit < 1 || *limit > kRowsMax) {
      co_return Error(Code::kInvalid, "limit must be a number from 1 to 10000");
    }
    query.limit = *limit;
  }
  CO_ASSIGN_OR_RETURN(json::Array items, co_await rows(std::move(query)));
  json::Object body;
  body["items"] = std::move(items);
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Audit(Call& call) {
  if (!call.request().Query("sandboxId") && call.caller().role != identity::Role::kAdmin) {
    co_return Error(Code::kInvalid, "the query parameter 'sandboxId' is missing");
  }
  co_return co_await ReplyRows(call, call.deps().audit, "the egress log");
}
Task<Result<void>> Usage(Call& call) {
  return ReplyRows(call, call.deps().usage, "the usage of models");
}

}  // namespace

void AddRowsRoutes(Routes& routes) {
  routes.Add("GET", "/api/audit", &Audit, "read:audit_logs");
  routes.Add("GET", "/api/ai/usage", &Usage);
}

}  // namespace cove::api
