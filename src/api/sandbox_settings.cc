// /api/sandbox/{sandbox}/…: what can be changed while it lives.
#include "api/routes.h"
#include "api/sandbox_dto.h"
#include "base/text.h"

namespace cove::api {
namespace {

using control::IntervalsPatch;
using control::Sandbox;

constexpr std::string_view kWrite = identity::kWriteSandboxes;

// One change of the sandbox that the call names; `change` starts it. The answer is what it is then.
template <class Change>
Task<Result<void>> ReplyChanged(Call& call, Change change) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, co_await change(*call.deps().sandboxes, found.id));
  co_return co_await call.Reply(200, SandboxDto(sandbox, call.origin()));
}

Task<Result<void>> SetLabels(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  if (json::GetObject(body, "labels") == nullptr) {
    co_return Error(Code::kInvalid, "the field 'labels' must be an object of texts");
  }
  CO_ASSIGN_OR_RETURN(control::Labels labels, TextMapField(body, "labels"));
  co_return co_await ReplyChanged(call, [&labels](control::Sandboxes& all, const SandboxId& id) {
    return all.SetLabels(id, std::move(labels));
  });
}

Task<Result<void>> SetInterval(Call& call, std::optional<int> IntervalsPatch::* field) {
  const auto minutes = ParseInt<int>(call.Param("minutes"));
  if (!minutes) {
    co_return Error(Code::kInvalid, "the interval must be a whole number of minutes, not '" +
                                        call.Param("minutes") + "'");
  }
  IntervalsPatch patch;
  patch.*field = *minutes;
  co_return co_await ReplyChanged(call, [&patch](control::Sandboxes& all, const SandboxId& id) {
    return all.SetIntervals(id, patch);
  });
}

template <std::optional<int> IntervalsPatch::* kField>
Task<Result<void>> SetOne(Call& call) {
  return SetInterval(call, kField);
}

Task<Result<void>> Resize(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_RETURN_IF_ERROR(CheckNoSlips(body, CreateFields()));
  control::ResourcesPatch patch;
  CO_ASSIGN_OR_RETURN(patch.cpu, NumberField(body, "cpu"));
  CO_ASSIGN_OR_RETURN(patch.memory_gib, NumberField(body, "memory"));
  CO_ASSIGN_OR_RETURN(patch.disk_gib, NumberField(body, "disk"));
  CO_ASSIGN_OR_RETURN(patch.pids, IntField(body, "pids"));
  CO_ASSIGN_OR_RETURN(patch.io_weight, IntField(body, "ioWeight"));
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox,
                      co_await call.deps().sandboxes->Resize(found.id, patch));
  json::Object dto = SandboxDto(sandbox, call.origin());
  PutWarnings(dto, call.deps().sandboxes->WithoutEffect(patch));
  co_return co_await call.Reply(200, dto);
}

constexpr std::string_view kNetworkFields[] = {"networkBlockAll", "networkAllowList",
                                               "domainAllowList"};

Task<Result<void>> SetNetwork(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_RETURN_IF_ERROR(CheckNoSlips(body, kNetworkFields));
  control::NetworkPatch patch;
  CO_ASSIGN_OR_RETURN(patch.block_all, BoolField(body, "networkBlockAll"));
  CO_ASSIGN_OR_RETURN(patch.allow_list, TextField(body, "networkAllowList"));
  CO_ASSIGN_OR_RETURN(patch.domain_allow_list, TextField(body, "domainAllowList"));
  co_return co_await ReplyChanged(call, [&patch](control::Sandboxes& all, const SandboxId& id) {
    return all.SetNetwork(id, std::move(patch));
  });
}

Task<Result<void>> SetPublic(Call& call) {
  const std::string& wanted = call.Param("public");
  if (wanted != "true" && wanted != "false") {
    co_return Error(Code::kInvalid, "the path must end in /public/true or /public/false");
  }
  using control::Sandboxes;
  const auto visibility =
      wanted == "true" ? Sandboxes::Visibility::kPublic : Sandboxes::Visibility::kPrivate;
  co_return co_await ReplyChanged(call, [visibility](Sandboxes& all, const SandboxId& id) {
    return all.SetVisibility(id, visibility);
  });
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
  routes.Add("POST", base + "/last-activity", &RefreshActivity, kWrite);
  routes.Add("GET", base + "/toolbox-proxy-url", &ToolboxProxyUrl);
}

}  // namespace cove::api
