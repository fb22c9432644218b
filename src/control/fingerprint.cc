#include "control/fingerprint.h"

#include "identity/crypto.h"
#include "json/json.h"

namespace cove::control {
namespace {

json::Value Of(const std::map<std::string, std::string>& map) {
  json::Object out;
  for (const auto& [name, value] : map) out[name] = value;
  return out;
}

template <class T>
json::Value Of(const std::optional<T>& value) {
  return value ? json::Value(*value) : json::Value(nullptr);
}

}  // namespace

std::string FingerprintOf(const CreateRequest& r) {
  json::Array all;
  for (const std::string& text : {r.name, r.snapshot, r.user, r.target, r.network.allow_list,
                                  r.network.domain_allow_list, r.network.policy}) {
    all.emplace_back(text);
  }
  for (const auto& map : {r.env, r.secrets, r.labels}) all.push_back(Of(map));
  for (const auto& amount : {r.cpu, r.memory_gib, r.disk_gib}) all.push_back(Of(amount));
  for (const auto& number :
       {r.pids, r.io_weight, r.auto_stop, r.auto_pause, r.auto_archive, r.auto_delete, r.ttl}) {
    all.push_back(Of(number));
  }
  all.emplace_back(r.is_public);
  all.emplace_back(r.network.block_all);
  all.emplace_back(r.profile ? proto::ProfileName(*r.profile) : std::string_view());
  return identity::Sha256Hex(json::Write(all));
}

}  // namespace cove::control
