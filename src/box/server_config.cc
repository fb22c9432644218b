#include "box/server_config.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"
#include "json/toml.h"
#include "net/socket.h"

namespace cove::box {
namespace {

constexpr char kChatGpt[] = "https://chatgpt.com/backend-api/codex";
// RFC 1918 and RFC 4193: what ALLOW_PRIVATE_DNS is about. Loopback and link-local never are.
constexpr const char* kPrivate[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"};

toml::table& Table(toml::table& parent, std::string_view name) {
  if (parent[name].as_table() == nullptr) parent.insert_or_assign(name, toml::table{});
  return *parent[name].as_table();
}

// Unless the operator said otherwise. A box is somebody's workplace: it may use the machine.
void SetLimits(toml::table& root) {
  toml::table& defaults = Table(root, "defaults");
  const auto cores = static_cast<int64_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  const int64_t gib = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) / (1 << 18);
  defaults.insert("cpu", cores);
  defaults.insert("memory_gib", std::clamp<int64_t>(gib / 2, 1, 8));
  defaults.insert("disk_gib", int64_t{20});
  defaults.insert("auto_stop_minutes", int64_t{0});
  toml::table& limits = Table(root, "limits");
  limits.insert("pids", int64_t{4096});
  // Other servers' sandboxes are not this one's to count, and the disk's limit is no promise.
  limits.insert("memory_overcommit", 1000.0);
  limits.insert("disk_overcommit", 1000.0);
}

void SetPolicy(toml::table& root, const Reach& reach) {
  toml::table& policy = Table(root, "policy");
  policy.insert_or_assign("registries", "none");
  policy.insert_or_assign("default", "deny");
  toml::array allow;
  if (!reach.proxy.address.empty()) {
    const bool v6 = reach.proxy.address.find(':') != std::string::npos;
    allow.push_back((v6 ? "[" + reach.proxy.address + "]/128" : reach.proxy.address + "/32") + ":" +
                    std::to_string(reach.proxy.port));
  } else if (reach.private_answers) {
    toml::array names;
    toml::array ranges;
    for (const std::string& name : reach.domains) names.push_back(name);
    for (const char* range : kPrivate) ranges.push_back(range);
    toml::array rules;
    if (toml::array* own = policy["rule"].as_array()) rules = *own;
    rules.push_back(toml::table{{"allow", names}, {"resolves_to", ranges}});
    policy.insert_or_assign("rule", rules);
  } else {
    for (const std::string& name : reach.domains) allow.push_back(name);
  }
  if (toml::array* own = policy["allow"].as_array()) {
    for (const auto& rule : *own) allow.push_back(rule);
  }
  if (!allow.empty()) policy.insert_or_assign("allow", allow);
}

}  // namespace

std::string Proxy::Url() const {
  const bool v6 = address.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

bool HasProvider(const std::string& operators, std::string_view name) {
  const toml::parse_result parsed = json::ParseToml(operators);
  return parsed && parsed.table()["ai"]["providers"][name].is_table();
}

Result<ProxyWords> ReadProxyFile(const std::string& text, ProxyWords said) {
  for (const std::string_view line : Split(text, '\n')) {
    const std::string_view word = Trim(line.substr(0, line.find('#')));
    if (word.empty()) continue;
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    std::string* const place = name == "PROXY_IP_V4"   ? &said.v4
                               : name == "PROXY_IP_V6" ? &said.v6
                               : name == "PROXY_PORT"  ? &said.port
                                                       : nullptr;
    if (place == nullptr || equals == std::string_view::npos) {
      return Error(Code::kInvalid,
                   "PROXY_CONFIG_FILE takes PROXY_IP_V4=, PROXY_IP_V6= and PROXY_PORT=, not '" +
                       std::string(word) + "'");
    }
    std::string_view value = word.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    *place = value;
  }
  return said;
}

Result<void> CheckResolvers(const std::string& text) {
  for (const std::string_view line : Split(text, '\n')) {
    constexpr std::string_view kWord = "nameserver";
    const std::string_view word = Trim(line);
    if (!word.starts_with(kWord)) continue;
    if (net::SocketAddress::FromIp(std::string(Trim(word.substr(kWord.size()))), 0)) return Ok();
  }
  return Error(Code::kInvalid, "RESOLV_CONF_FILE names no nameserver");
}

Result<Proxy> ReadProxy(const ProxyWords& words) {
  Proxy out;
  if (!words.port.empty()) {
    const auto number = ParseInt<uint16_t>(words.port);
    if (!number || *number == 0) {
      return Error(Code::kInvalid, "PROXY_PORT must be numeric: " + words.port);
    }
    out.port = *number;
  }
  for (const auto& [name, text] :
       {std::pair{"PROXY_IP_V6", words.v6}, std::pair{"PROXY_IP_V4", words.v4}}) {
    if (text.empty()) continue;
    const auto address = net::SocketAddress::FromIp(text, 0);
    const bool wants_v6 = std::string_view(name) == "PROXY_IP_V6";
    if (!address || (address->family() == AF_INET6) != wants_v6) {
      return Error(Code::kInvalid, std::string(name) + " is no address: " + text);
    }
    out.address = text;
  }
  return out;
}

Result<std::string> WriteServerConfig(const std::string& operators, const ServerConfig& config) {
  const toml::parse_result parsed = json::ParseToml(operators);
  if (!parsed) {
    return Error(Code::kInvalid,
                 "COVE_BOX_CONFIG, line " +
                     std::to_string(static_cast<uint32_t>(parsed.error().source().begin.line)) +
                     ": " + std::string(parsed.error().description()));
  }
  toml::table root = parsed.table();
  SetLimits(root);
  SetPolicy(root, config.reach);
  if (!config.account.empty()) {
    toml::table& openai = Table(Table(Table(root, "ai"), "providers"), "openai");
    openai.insert("base_url", kChatGpt);
    openai.insert_or_assign("kind", "openai");
    openai.insert_or_assign("account", config.account);
  }
  std::ostringstream out;
  out << root << "\n";
  return out.str();
}

}  // namespace cove::box
