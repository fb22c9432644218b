// /api/snapshots: what sandboxes are made from.
#include "api/routes.h"
#include "api/sandbox_dto.h"
#include "base/text.h"

namespace cove::api {
namespace {

Result<size_t> PageQuery(const Call& call, std::string_view name, size_t otherwise, size_t max) {
  const auto text = call.request().Query(name);
  if (!text || text->empty()) return otherwise;
  const auto number = ParseInt<size_t>(*text);
  if (!number || *number < 1 || *number > max) {
    return Error(Code::kInvalid, "the query parameter '" + std::string(name) +
                                     "' must be a number from 1 to " + std::to_string(max));
  }
  return *number;
}

Task<Result<void>> List(Call& call) {
  CO_ASSIGN_OR_RETURN(const size_t page, PageQuery(call, "page", 1, 1'000'000));
  CO_ASSIGN_OR_RETURN(const size_t limit, PageQuery(call, "limit", 100, 200));
  const auto source = call.request().Query("sourceSandboxId");
  json::Array items;
  size_t total = 0;
  for (const auto& snapshot : call.deps().sandboxes->ListSnapshots(call.caller().org)) {
    if (source && !source->empty() && snapshot.source_sandbox != *source) continue;
    if (total / limit + 1 == page) items.push_back(SnapshotDto(snapshot));
    ++total;
  }
  json::Object body;
  body["items"] = std::move(items);
  body["total"] = total;
  body["page"] = page;
  body["totalPages"] = (total + limit - 1) / limit;
  co_return co_await call.Reply(200, body);
}

Result<control::Snapshot> FindSnapshot(const Call& call) {
  return call.deps().sandboxes->GetSnapshot(call.caller().org, call.Param("snapshot"));
}

Task<Result<void>> Get(Call& call) {
  CO_ASSIGN_OR_RETURN(const auto snapshot, FindSnapshot(call));
  co_return co_await call.Reply(200, SnapshotDto(snapshot));
}

// Every snapshot here is ready for use at all times, so there is nothing to do.
Task<Result<void>> Activate(Call& call) { return Get(call); }

Task<Result<void>> Delete(Call& call) {
  CO_ASSIGN_OR_RETURN(const auto snapshot, FindSnapshot(call));
  CO_RETURN_IF_ERROR(
      co_await call.deps().sandboxes->DeleteSnapshot(call.caller().org, snapshot.id));
  co_return co_await call.ReplyEmpty(200);
}

Task<Result<void>> Create(Call& call) {
  return call.ReplyUnsupported(
      "making a snapshot from an image or Dockerfile (set up a sandbox and snapshot it instead: "
      "POST /api/sandbox/{id}/snapshot)");
}

}  // namespace

void AddSnapshotRoutes(Routes& routes) {
  routes.Add("GET", "/api/snapshots", &List);
  routes.Add("POST", "/api/snapshots", &Create, "write:snapshots");
  routes.Add("GET", "/api/snapshots/{snapshot}", &Get);
  routes.Add("POST", "/api/snapshots/{snapshot}/activate", &Activate, "write:snapshots");
  routes.Add("DELETE", "/api/snapshots/{snapshot}", &Delete, "delete:snapshots");
}

}  // namespace cove::api
