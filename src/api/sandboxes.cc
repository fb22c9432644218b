// /api/sandbox: create, look up, list and the life cycle.
#include "api/routes.h"
#include "api/sandbox_dto.h"
#include "base/text.h"

namespace cove::api {
namespace {

using control::Sandbox;

constexpr std::string_view kWrite = identity::kWriteSandboxes;
constexpr std::string_view kDelete = "delete:sandboxes";

Task<Result<void>> ReplySandbox(Call& call, const Sandbox& sandbox) {
  return call.Reply(200, SandboxDto(sandbox, call.origin()));
}

Task<Result<void>> Create(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  if (std::string what = UnsupportedInCreate(body); !what.empty()) {
    co_return co_await call.ReplyUnsupported(std::move(what));
  }
  CO_ASSIGN_OR_RETURN(control::CreateRequest request, ParseCreate(body, call.caller().org));
  control::ResourcesPatch asked;
  asked.io_weight = request.io_weight;
  request.created_by = call.caller().user;
  request.idempotency_key = std::string(call.request().headers.Get("Idempotency-Key").value_or(""));
  auto sandbox = co_await call.deps().sandboxes->Create(std::move(request));
  if (!sandbox && sandbox.error().code() == Code::kNotFound) {
    // To the caller an unknown snapshot is a mistake in the request, not a missing page.
    co_return Error(Code::kInvalid, sandbox.error().message());
  }
  if (!sandbox) co_return std::move(sandbox).error();
  json::Object dto = SandboxDto(*sandbox, call.origin());
  PutWarnings(dto, call.deps().sandboxes->WithoutEffect(asked));
  co_return co_await call.Reply(200, dto);
}

Task<Result<void>> Get(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, FindSandbox(call));
  co_return co_await ReplySandbox(call, sandbox);
}

Task<Result<void>> List(Call& call) {
  CO_ASSIGN_OR_RETURN(const auto query, ParseListQuery(call.request()));
  CO_ASSIGN_OR_RETURN(const auto page, call.deps().sandboxes->List(call.caller().org, query));
  const Origin origin = call.origin();
  json::Array items;
  for (const Sandbox& sandbox : page.items) items.push_back(SandboxDto(sandbox, origin));
  json::Object body;
  body["items"] = std::move(items);
  body["nextCursor"] =
      page.next_cursor.empty() ? json::Value(nullptr) : json::Value(page.next_cursor);
  co_return co_await call.Reply(200, body);
}

// The list of SDKs up to 0.167: numbered pages.
Task<Result<void>> ListPaginated(Call& call) {
  CO_ASSIGN_OR_RETURN(auto query, ParseListQuery(call.request()));
  const size_t wanted = ParseInt<size_t>(call.request().Query("page").value_or("1")).value_or(1);
  control::ListPage page;
  size_t number = 0;
  do {
    query.cursor = page.next_cursor;
    CO_ASSIGN_OR_RETURN(page, call.deps().sandboxes->List(call.caller().org, query));
    ++number;
  } while (number < wanted && !page.next_cursor.empty());
  const Origin origin = call.origin();
  json::Array items;
  if (number == wanted) {
    for (const Sandbox& sandbox : page.items) items.push_back(SandboxDto(sandbox, origin));
  }
  json::Object body;
  body["items"] = std::move(items);
  body["total"] = page.total;
  body["page"] = wanted;
  body["totalPages"] = (page.total + query.limit - 1) / query.limit;
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Start(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, co_await call.deps().sandboxes->Start(found.id));
  co_return co_await ReplySandbox(call, sandbox);
}

Task<Result<void>> Recover(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  if (!found.recoverable()) {
    co_return Error(Code::kConflict, "the sandbox is " +
                                         std::string(control::StateName(found.state)) +
                                         "; only one in error can be recovered");
  }
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, co_await call.deps().sandboxes->Start(found.id));
  co_return co_await ReplySandbox(call, sandbox);
}

Task<Result<void>> Stop(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  const bool force = call.request().Query("force").value_or("false") == "true";
  const auto mode = force ? control::StopMode::kForce : control::StopMode::kGraceful;
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, co_await call.deps().sandboxes->Stop(found.id, mode));
  co_return co_await ReplySandbox(call, sandbox);
}

Task<Result<void>> Pause(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, co_await call.deps().sandboxes->Pause(found.id));
  co_return co_await ReplySandbox(call, sandbox);
}

Task<Result<void>> Delete(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, co_await call.deps().sandboxes->Delete(found.id));
  co_return co_await ReplySandbox(call, sandbox);
}

Task<Result<void>> TakeSnapshot(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(std::string name, RequiredText(body, "name"));
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_RETURN_IF_ERROR(co_await call.deps().sandboxes->TakeSnapshot(found.id, std::move(name)));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, FindSandbox(call));
  co_return co_await ReplySandbox(call, sandbox);
}

}  // namespace

void AddSandboxRoutes(Routes& routes) {
  routes.Add("POST", "/api/sandbox", &Create, kWrite);
  routes.Add("GET", "/api/sandbox", &List);
  routes.Add("GET", "/api/sandbox/paginated", &ListPaginated);
  routes.Add("GET", "/api/sandbox/{sandbox}", &Get);
  routes.Add("DELETE", "/api/sandbox/{sandbox}", &Delete, kDelete);
  routes.Add("POST", "/api/sandbox/{sandbox}/start", &Start, kWrite);
  routes.Add("POST", "/api/sandbox/{sandbox}/stop", &Stop, kWrite);
  routes.Add("POST", "/api/sandbox/{sandbox}/pause", &Pause, kWrite);
  routes.Add("POST", "/api/sandbox/{sandbox}/recover", &Recover, kWrite);
  routes.Add("POST", "/api/sandbox/{sandbox}/snapshot", &TakeSnapshot, kWrite);
}

}  // namespace cove::api
