// /api/ai/calls/{call}/texts: what was said in one model call.
#include "api/routes.h"
#include "bridge/call_json.h"

namespace cove::api {
namespace {

// Administrators read all of their organisation's, others their own calls'.
Task<Result<void>> Texts(Call& call) {
  std::optional<std::string> user;
  if (!IsAdmin(call)) user = call.caller().user;
  CO_ASSIGN_OR_RETURN(const bridge::Said said,
                      co_await call.deps().books->log().ReadSaid(call.caller().org, std::move(user),
                                                                 std::string(call.Param("call"))));
  co_return co_await call.Reply(200, bridge::ToJson(said));
}

}  // namespace

void AddAiTextRoutes(Routes& routes) {
  routes.Add("GET", "/api/ai/calls/{call}/texts", &Texts, identity::kUseModels);
}

}  // namespace cove::api
