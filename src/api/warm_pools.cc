// /api/warm-pools: boxes of a snapshot that are kept ready. Unlike Daytona's they also serve
// creates that bring an environment.
#include "api/routes.h"
#include "api/sandbox_dto.h"
#include "base/text.h"

namespace cove::api {
namespace {

constexpr std::string_view kWrite = identity::kWriteSandboxes;

json::Object WarmPoolDto(const control::WarmPool& pool) {
  json::Object out;
  out["id"] = pool.id;
  out["organizationId"] = pool.org.value;
  out["snapshot"] = pool.snapshot;
  out["target"] = pool.target;
  out["pool"] = pool.size;
  out["currentSize"] = pool.ready;
  out["cpu"] = pool.resources.cpu;
  out["mem"] = pool.resources.memory_gib;
  out["disk"] = pool.resources.disk_gib;
  out["osUser"] = "daytona";
  out["env"] = json::Object();
  out["errorReason"] =
      pool.error_reason.empty() ? json::Value(nullptr) : json::Value(pool.error_reason);
  out["createdAt"] = FormatIso(pool.created_at);
  out["updatedAt"] = FormatIso(pool.updated_at);
  return out;
}

Result<size_t> SizeField(const json::Object& body, int least) {
  ASSIGN_OR_RETURN(const auto size, IntField(body, "pool"));
  if (size && *size >= least && *size <= static_cast<int>(control::kWarmPoolMax)) {
    return static_cast<size_t>(*size);
  }
  return Error(Code::kInvalid, "pool must be a whole number from " + std::to_string(least) +
                                   " to " + std::to_string(control::kWarmPoolMax));
}

Task<Result<void>> List(Call& call) {
  json::Array out;
  for (const auto& pool : call.deps().sandboxes->ListWarmPools(call.caller().org)) {
    out.push_back(WarmPoolDto(pool));
  }
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> Create(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(const std::string snapshot, RequiredText(body, "snapshot"));
  CO_ASSIGN_OR_RETURN(const size_t size, SizeField(body, 1));
  CO_ASSIGN_OR_RETURN(const auto target, TextField(body, "target"));
  CO_ASSIGN_OR_RETURN(const auto pool, co_await call.deps().sandboxes->CreateWarmPool(
                                           call.caller().org, snapshot, size, target.value_or("")));
  co_return co_await call.Reply(201, WarmPoolDto(pool));
}

Task<Result<void>> Resize(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(const size_t size, SizeField(body, 0));
  CO_ASSIGN_OR_RETURN(const auto pool, co_await call.deps().sandboxes->ResizeWarmPool(
                                           call.caller().org, call.Param("pool"), size));
  co_return co_await call.Reply(200, WarmPoolDto(pool));
}

Task<Result<void>> Delete(Call& call) {
  CO_RETURN_IF_ERROR(
      co_await call.deps().sandboxes->DeleteWarmPool(call.caller().org, call.Param("pool")));
  co_return co_await call.ReplyEmpty(204);
}

}  // namespace

void AddWarmPoolRoutes(Routes& routes) {
  routes.Add("GET", "/api/warm-pools", &List);
  routes.Add("POST", "/api/warm-pools", &Create, kWrite);
  routes.Add("PATCH", "/api/warm-pools/{pool}", &Resize, kWrite);
  routes.Add("DELETE", "/api/warm-pools/{pool}", &Delete, kWrite);
}

}  // namespace cove::api
