// /api/sandbox/{sandbox}/…: what can be changed while it lives.
#include "api/routes.h"
#include "api/sandbox_dto.h"
#include "base/text.h"

namespace cove::api {
namespace {

using control::IntervalsPatch;
using control::Sandbox;

constexpr std::string_view kWrite = "write:sandboxes";

Task<Result<void>> SetLabels(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  if (json::GetObject(body, "labels") == nullptr) {
    co_return Error(Code::kInvalid, "the field 'labels' must be an object of texts");
  }
  CO_ASSIGN_OR_RETURN(control::Labels labels, TextMapField(body, "labels"));
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox,
                      co_await call.deps().sandboxes->SetLabels(found.id, std::move(labels)));
  co_return co_await call.Reply(200, SandboxDto(sandbox, call.origin()));
}

Task<Result<void>> SetInterval(Call& call, std::optional<int> IntervalsPatch::* field) {
  const auto minutes = ParseInt<int>(call.Param("minutes"));
  if (!minutes) {
    co_return Error(Code::kInvalid, "the interval must be a whole number of minutes, not '" +
                                        call.Param("minutes") + "'");
  }
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  IntervalsPatch patch;
  patch.*field = *minutes;
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox,
                      co_await call.deps().sandboxes->SetIntervals(found.id, patch));
  co_return co_await call.Reply(200, SandboxDto(sandbox, call.origin()));
}

template <std::optional<int> IntervalsPatch::* kField>
Task<Result<void>> SetOne(Call& call) {
  return SetInterval(call, kField);
}

Task<Result<void>> Resize(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  control::ResourcesPatch patch;
  CO_ASSIGN_OR_RETURN(patch.cpu, NumberField(body, "cpu"));
  CO_ASSIGN_OR_RETURN(patch.memory_gib, NumberField(body, "memory"));
  CO_ASSIGN_OR_RETURN(patch.disk_gib, NumberField(body, "disk"));
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox,
                      co_await call.deps().sandboxes->Resize(found.id, patch));
  co_return co_await call.Reply(200, SandboxDto(sandbox, call.origin()));
}

Task<Result<void>> SetNetwork(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  control::NetworkPatch patch;
  CO_ASSIGN_OR_RETURN(patch.block_all, BoolField(body, "networkBlockAll"));
  CO_ASSIGN_OR_RETURN(patch.allow_list, TextField(body, "networkAllowList"));
  CO_ASSIGN_OR_RETURN(patch.domain_allow_list, TextField(body, "domainAllowList"));
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox,
                      co_await call.deps().sandboxes->SetNetwork(found.id, std::move(patch)));
  co_return co_await call.Reply(200, SandboxDto(sandbox, call.origin()));
}

Task<Result<void>> SetPublic(Call& call) {
  const std::string& wanted = call.Param("public");
  if (wanted != "true" && wanted != "false") {
    co_return Error(Code::kInvalid, "the path must end in /public/true or /public/false");
  }
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  using control::Sandboxes;
  const auto visibility =
      wanted == "true" ? Sandboxes::Visibility::kPublic : Sandboxes::Visibility::kPrivate;
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox,
                      co_await call.deps().sandboxes->SetVisibility(found.id, visibility));
  co_return co_await call.Reply(200, SandboxDto(sandbox, call.origin()));
}

Task<Result<void>> RefreshActivity(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  call.deps().sandboxes->Touch(found.id, control::Activity::kAsked);
  co_return co_await call.ReplyEmpty(201);
}

Task<Result<void>> ToolboxProxyUrl(Call& call) {
  CO_RETURN_IF_ERROR(FindSandbox(call));
  json::Object body;
  body["url"] = call.origin().Toolbox();
  co_return co_await call.Reply(200, body);
}

}  // namespace

void AddSandboxSettingsRoutes(Routes& routes) {
  const std::string base = "/api/sandbox/{sandbox}";
  routes.Add("PUT", base + "/labels", &SetLabels, kWrite);
  routes.Add("POST", base + "/autostop/{minutes}", &SetOne<&IntervalsPatch::auto_stop>, kWrite);
  routes.Add("POST", base + "/autopause/{minutes}", &SetOne<&IntervalsPatch::auto_pause>, kWrite);
  routes.Add("POST", base + "/autoarchive/{minutes}", &SetOne<&IntervalsPatch::auto_archive>,
             kWrite);
  routes.Add("POST", base + "/autodelete/{minutes}", &SetOne<&IntervalsPatch::auto_delete>, kWrite);
  routes.Add("POST", base + "/ttl/{minutes}", &SetOne<&IntervalsPatch::ttl>, kWrite);
  routes.Add("POST", base + "/resize", &Resize, kWrite);
  routes.Add("POST", base + "/network-settings", &SetNetwork, kWrite);
  routes.Add("POST", base + "/public/{public}", &SetPublic, kWrite);
  routes.Add("POST", base + "/last-activity", &RefreshActivity);
  routes.Add("GET", base + "/toolbox-proxy-url", &ToolboxProxyUrl);
}

}  // namespace cove::api
