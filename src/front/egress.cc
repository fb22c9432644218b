#include "front/egress.h"

#include "base/text.h"
#include "log/log.h"

namespace cove::front {
namespace {

using policy::Document;
using policy::Layer;

// `suffix` is what the API's lists leave unsaid.
Result<void> AddList(Document& document, std::string_view list, std::string_view suffix) {
  for (const std::string_view part : Split(list, ',')) {
    if (Trim(part).empty()) continue;
    ASSIGN_OR_RETURN(auto rule, policy::ParseRule(std::string(Trim(part)) + std::string(suffix),
                                                  Layer::kSandbox));
    document.rules.push_back(std::move(rule));
  }
  return Ok();
}

// The API writes IPv6 networks without brackets, which a port needs.
std::string Bracketed(std::string_view list) {
  std::vector<std::string> out;
  for (const std::string_view part : Split(list, ',')) {
    const std::string_view cidr = Trim(part);
    const size_t slash = cidr.find('/');
    const bool v6 = cidr.find(':') != std::string_view::npos && slash != std::string_view::npos;
    out.push_back(v6 ? "[" + std::string(cidr.substr(0, slash)) + "]" +
                           std::string(cidr.substr(slash))
                     : std::string(cidr));
  }
  return Join(out, ",");
}

}  // namespace

Result<std::unique_ptr<Egress>> Egress::Make(const Config& config) {
  auto standard = std::make_shared<Document>(config.standard);
  if (config.registries == policy::RegistryMode::kHost) {
    for (const std::string& text : policy::RegistryRules(policy::ReadRegistryFiles("/", {}))) {
      ASSIGN_OR_RETURN(auto rule, policy::ParseRule(text, Layer::kRegistries));
      standard->rules.push_back(std::move(rule));
    }
  }
  std::unique_ptr<Egress> egress(new Egress);
  egress->server_ = {Layer::kServer, config.ceiling, std::move(standard)};
  return egress;
}

Result<Egress::PolicyPtr> Egress::PolicyFor(const control::Network& network) const {
  auto own = std::make_shared<Document>();
  if (!network.block_all && !network.policy.empty()) {
    ASSIGN_OR_RETURN(*own, policy::ParseJson(network.policy, Layer::kSandbox));
  } else if (!network.block_all) {
    RETURN_IF_ERROR(AddList(*own, network.domain_allow_list, ""));
    RETURN_IF_ERROR(AddList(*own, Bracketed(network.allow_list), ":*"));
    if (own->rules.empty()) return policy::Policy::Make({server_});
  }
  return policy::Policy::Make({server_, {Layer::kSandbox, nullptr, std::move(own)}});
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
