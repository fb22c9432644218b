#include "api/sandbox_dto.h"

#include <cmath>

namespace cove::api {
namespace {

// Whole numbers without a fraction: some clients read them as integers.
json::Value Number(double value) {
  if (std::floor(value) == value && std::fabs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

// The contract's clients take whole cores and GiB only, and fail on anything else: rounded up.
int64_t Whole(double value) { return static_cast<int64_t>(std::ceil(value)); }

json::Object ExactLimits(const control::Resources& resources) {
  json::Object out;
  out["cpu"] = Number(resources.cpu);
  out["memory"] = Number(resources.memory_gib);
  out["disk"] = Number(resources.disk_gib);
  if (resources.pids != 0) out["pids"] = resources.pids;
  if (resources.io_weight != 0) out["ioWeight"] = resources.io_weight;
  return out;
}

json::Object TextMap(const std::map<std::string, std::string>& map) {
  json::Object out;
  for (const auto& [key, value] : map) out[key] = value;
  return out;
}

void PutIfSet(json::Object& out, std::string_view key, const std::string& value) {
  if (!value.empty()) out[key] = value;
}

}  // namespace

json::Object SandboxDto(const control::Sandbox& sandbox, const Origin& origin) {
  json::Object out;
  out["id"] = sandbox.id.value;
  out["organizationId"] = sandbox.org.value;
  out["name"] = sandbox.name;
  out["snapshot"] = sandbox.snapshot;
  out["user"] = sandbox.user;
  out["env"] = TextMap(sandbox.env);
  out["secrets"] = TextMap(sandbox.secrets);  // Cove's own: variable to name
  out["labels"] = TextMap(sandbox.labels);
  out["public"] = sandbox.is_public;
  out["networkBlockAll"] = sandbox.network.block_all;
  PutIfSet(out, "networkAllowList", sandbox.network.allow_list);
  PutIfSet(out, "domainAllowList", sandbox.network.domain_allow_list);
  out["target"] = sandbox.target;
  out["cpu"] = Whole(sandbox.resources.cpu);
  out["gpu"] = 0;
  out["memory"] = Whole(sandbox.resources.memory_gib);
  out["disk"] = Whole(sandbox.resources.disk_gib);
  out["limits"] = ExactLimits(sandbox.resources);        // Cove's own: with fractions
  out["profile"] = proto::ProfileName(sandbox.profile);  // Cove's own
  out["kvm"] = false;
  out["state"] = control::StateName(sandbox.state);
  out["desiredState"] = control::DesiredName(sandbox.desired);
  PutIfSet(out, "errorReason", sandbox.error_reason);
  out["recoverable"] = sandbox.recoverable();
  out["backupState"] = "None";
  out["autoStopInterval"] = sandbox.intervals.auto_stop;
  out["autoPauseInterval"] = sandbox.intervals.auto_pause;
  out["autoArchiveInterval"] = sandbox.intervals.auto_archive;
  out["autoDeleteInterval"] = sandbox.intervals.auto_delete;
  if (const auto end = sandbox.auto_destroy_at()) out["autoDestroyAt"] = FormatIso(*end);
  out["oomKills"] = sandbox.oom_kills;  // Cove's own: since its last start
  out["volumes"] = json::Array();
  out["createdAt"] = FormatIso(sandbox.created_at);
  out["updatedAt"] = FormatIso(sandbox.updated_at);
  out["lastActivityAt"] = FormatIso(sandbox.last_activity_at);
  out["sandboxClass"] = "container";
  out["daemonVersion"] = COVE_VERSION;
  out["toolboxProxyUrl"] = origin.Toolbox();
  return out;
}

void PutWarnings(json::Object& out, const std::vector<std::string>& warnings) {
  if (warnings.empty()) return;
  json::Array texts;
  for (const std::string& warning : warnings) texts.emplace_back(warning);
  out["warnings"] = std::move(texts);
}

json::Object SnapshotDto(const control::Snapshot& snapshot) {
  const control::Resources resources = snapshot.resources.value_or(control::Resources{});
  json::Object out;
  out["id"] = snapshot.id;
  out["organizationId"] = snapshot.org.value;
  out["general"] = snapshot.org.empty();
  out["name"] = snapshot.name;
  out["state"] = control::SnapshotStateName(snapshot.state);
  out["size"] = static_cast<double>(snapshot.bytes) / (1024.0 * 1024.0 * 1024.0);
  out["entrypoint"] = json::Array();
  out["cpu"] = Number(resources.cpu);
  out["gpu"] = 0;
  out["mem"] = Number(resources.memory_gib);
  out["disk"] = Number(resources.disk_gib);
  out["errorReason"] =
      snapshot.error_reason.empty() ? json::Value(nullptr) : json::Value(snapshot.error_reason);
  out["createdAt"] = FormatIso(snapshot.created_at);
  out["updatedAt"] = FormatIso(snapshot.updated_at);
  out["lastUsedAt"] =
      snapshot.last_used_at ? json::Value(FormatIso(*snapshot.last_used_at)) : json::Value(nullptr);
  out["profile"] = proto::ProfileName(snapshot.profile);  // Cove's own
  PutIfSet(out, "sourceSandboxId", snapshot.source_sandbox);
  return out;
}

}  // namespace cove::api
