#include "api/call.h"
#include "api/sandbox_dto.h"

namespace cove::api {
namespace {

bool Present(const json::Object& body, std::string_view key) {
  const json::Value* value = json::Find(body, key);
  if (value == nullptr || value->is_null()) return false;
  if (value->is_array()) return !value->as_array().empty();
  if (value->is_string()) return !value->as_string().empty();
  return true;
}

Result<void> ParseIntervals(const json::Object& body, control::CreateRequest& out) {
  ASSIGN_OR_RETURN(out.auto_stop, IntField(body, "autoStopInterval"));
  ASSIGN_OR_RETURN(out.auto_pause, IntField(body, "autoPauseInterval"));
  ASSIGN_OR_RETURN(out.auto_archive, IntField(body, "autoArchiveInterval"));
  ASSIGN_OR_RETURN(out.auto_delete, IntField(body, "autoDeleteInterval"));
  ASSIGN_OR_RETURN(out.ttl, IntField(body, "ttlMinutes"));
  return Ok();
}

Result<void> ParseNetwork(const json::Object& body, control::Network& out) {
  ASSIGN_OR_RETURN(auto block, BoolField(body, "networkBlockAll"));
  ASSIGN_OR_RETURN(auto addresses, TextField(body, "networkAllowList"));
  ASSIGN_OR_RETURN(auto names, TextField(body, "domainAllowList"));
  out.block_all = block.value_or(false);
  out.allow_list = addresses.value_or("");
  out.domain_allow_list = names.value_or("");
  if (const json::Value* policy = json::Find(body, "policy"); policy && !policy->is_null()) {
    out.policy = json::Write(*policy);
  }
  return Ok();
}

}  // namespace

std::span<const std::string_view> CreateFields() {
  static constexpr std::string_view kFields[] = {"name",
                                                 "snapshot",
                                                 "user",
                                                 "env",
                                                 "labels",
                                                 "public",
                                                 "networkBlockAll",
                                                 "networkAllowList",
                                                 "domainAllowList",
                                                 "policy",
                                                 "outboundProxyUrl",
                                                 "otelEndpointOverride",
                                                 "target",
                                                 "cpu",
                                                 "memory",
                                                 "disk",
                                                 "pids",
                                                 "ioWeight",
                                                 "gpu",
                                                 "gpuType",
                                                 "spot",
                                                 "kvm",
                                                 "profile",
                                                 "autoStopInterval",
                                                 "autoPauseInterval",
                                                 "autoArchiveInterval",
                                                 "autoDeleteInterval",
                                                 "ttlMinutes",
                                                 "volumes",
                                                 "buildInfo",
                                                 "linkedSandbox",
                                                 "secrets",
                                                 "sandboxClass",
                                                 "class"};
  return kFields;
}

Result<control::CreateRequest> ParseCreate(const json::Object& body, const OrgId& org) {
  RETURN_IF_ERROR(CheckNoSlips(body, CreateFields()));
  control::CreateRequest out;
  out.org = org;
  ASSIGN_OR_RETURN(auto name, TextField(body, "name"));
  ASSIGN_OR_RETURN(auto snapshot, TextField(body, "snapshot"));
  ASSIGN_OR_RETURN(auto user, TextField(body, "user"));
  ASSIGN_OR_RETURN(auto target, TextField(body, "target"));
  ASSIGN_OR_RETURN(auto is_public, BoolField(body, "public"));
  out.name = name.value_or("");
  out.snapshot = snapshot.value_or("");
  out.user = user.value_or("");
  out.target = target.value_or("");
  out.is_public = is_public.value_or(false);
  ASSIGN_OR_RETURN(out.env, TextMapField(body, "env"));
  ASSIGN_OR_RETURN(out.secrets, SecretsField(body));
  ASSIGN_OR_RETURN(out.labels, TextMapField(body, "labels"));
  ASSIGN_OR_RETURN(out.cpu, NumberField(body, "cpu"));
  ASSIGN_OR_RETURN(out.memory_gib, NumberField(body, "memory"));
  ASSIGN_OR_RETURN(out.disk_gib, NumberField(body, "disk"));
  ASSIGN_OR_RETURN(out.pids, IntField(body, "pids"));
  ASSIGN_OR_RETURN(out.io_weight, IntField(body, "ioWeight"));
  ASSIGN_OR_RETURN(auto profile, TextField(body, "profile"));
  if (profile && !profile->empty()) {
    out.profile = proto::ParseProfile(*profile);
    if (!out.profile) {
      return Error(Code::kInvalid, "the field 'profile' must be \"default\" or \"strict\"");
    }
  }
  RETURN_IF_ERROR(ParseIntervals(body, out));
  RETURN_IF_ERROR(ParseNetwork(body, out.network));
  return out;
}

std::string UnsupportedInCreate(const json::Object& body) {
  struct Feature {
    std::string_view key;
    std::string_view text;
  };
  constexpr Feature kFeatures[] = {
      {"buildInfo", "building a sandbox from an image or Dockerfile (use a snapshot)"},
      {"volumes", "volumes"},
      {"linkedSandbox", "linked sandboxes"},
      {"outboundProxyUrl", "a sandbox's own outbound proxy"},
      {"otelEndpointOverride", "a sandbox's own telemetry endpoint"},
      {"gpuType", "GPUs"},
  };
  for (const Feature& feature : kFeatures) {
    if (Present(body, feature.key)) return std::string(feature.text);
  }
  if (json::GetNumber(body, "gpu").value_or(0) > 0) return "GPUs";
  if (json::GetBool(body, "kvm").value_or(false)) return "KVM inside a sandbox";
  const auto sandbox_class = json::GetString(body, "sandboxClass");
  if (sandbox_class && *sandbox_class != "container") {
    return "sandboxes of class '" + *sandbox_class + "'";
  }
  return {};
}

}  // namespace cove::api
