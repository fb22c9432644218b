// /api/ai/usage: the newest model calls, as {"items": […]}.
#include "api/audit_filter.h"
#include "api/routes.h"
#include "base/text.h"

namespace cove::api {
namespace {

constexpr size_t kRowsMax = 10'000;

Task<Result<void>> Usage(Call& call) {
  const Rows& rows = call.deps().usage;
  if (!rows) co_return co_await call.ReplyUnsupported("the usage of models");
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

}  // namespace

void AddRowsRoutes(Routes& routes) { routes.Add("GET", "/api/ai/usage", &Usage); }

}  // namespace cove::api
