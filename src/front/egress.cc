#include "front/egress.h"

#include <numeric>

#include "base/text.h"
#include "log/log.h"

namespace cove::front {
namespace {

constexpr std::string_view kWebPorts = ":80,443";

// "All ports" has no spelling in the grammar, on purpose; only the API's address lists mean it.
Result<policy::Rule> AnyPortRule(std::string_view cidr) {
  const size_t slash = cidr.find('/');
  std::string spelled(cidr);
  if (cidr.find(':') != std::string_view::npos && slash != std::string_view::npos) {
    spelled = "[" + std::string(cidr.substr(0, slash)) + "]" + std::string(cidr.substr(slash));
  }
  ASSIGN_OR_RETURN(policy::Rule rule, policy::ParseRule(spelled + ":1", policy::Layer::kSandbox));
  rule.text = spelled;
  rule.ports.resize(65535);
  std::iota(rule.ports.begin(), rule.ports.end(), uint16_t{1});
  return rule;
}

}  // namespace

Result<std::unique_ptr<Egress>> Egress::Make(const Config& config) {
  std::vector<policy::Rule> rules;
  if (config.registries == policy::RegistryMode::kHost) {
    for (const std::string& text : policy::RegistryRules(policy::ReadRegistryFiles("/", {}))) {
      ASSIGN_OR_RETURN(auto rule, policy::ParseRule(text, policy::Layer::kRegistries));
      rules.push_back(std::move(rule));
    }
  }
  for (const std::string& text : config.allow) {
    ASSIGN_OR_RETURN(auto rule, policy::ParseRule(text, policy::Layer::kServer));
    rules.push_back(std::move(rule));
  }
  std::unique_ptr<Egress> egress(new Egress);
  ASSIGN_OR_RETURN(egress->server_, policy::Policy::Make(std::move(rules)));
  return egress;
}

Result<Egress::PolicyPtr> Egress::PolicyFor(const control::Network& network) const {
  if (network.block_all) return PolicyPtr(std::make_shared<policy::Policy>());
  std::vector<policy::Rule> rules;
  for (std::string_view part : Split(network.domain_allow_list, ',')) {
    if (Trim(part).empty()) continue;
    ASSIGN_OR_RETURN(auto rule, policy::ParseRule(std::string(Trim(part)) + std::string(kWebPorts),
                                                  policy::Layer::kSandbox));
    rules.push_back(std::move(rule));
  }
  for (std::string_view part : Split(network.allow_list, ',')) {
    if (Trim(part).empty()) continue;
    ASSIGN_OR_RETURN(auto rule, AnyPortRule(Trim(part)));
    rules.push_back(std::move(rule));
  }
  if (rules.empty()) return server_;
  return policy::Policy::Make(std::move(rules));
}

void Egress::Set(const control::Sandbox& sandbox) {
  auto made = PolicyFor(sandbox.network);
  if (made.ok()) {
    policies_[sandbox.id] = std::move(*made);
    return;
  }
  policies_.erase(sandbox.id);
  log::Error("egress.bad_policy",
             {{"sandbox", sandbox.id.value}, {"error", made.error().message()}});
}

Egress::PolicyPtr Egress::PolicyOf(const SandboxId& id) const {
  auto it = policies_.find(id);
  return it == policies_.end() ? nullptr : it->second;
}

}  // namespace cove::front
