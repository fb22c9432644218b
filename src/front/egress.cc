#include "front/egress.h"

#include "base/text.h"
#include "front/model_guards.h"
#include "gateway/destination.h"
#include "log/log.h"

namespace cove::front {
namespace {

using control::PolicyKey;
using policy::Document;
using policy::Layer;
using policy::LayerPolicy;
using Scope = control::PolicyKey::Scope;

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

Layer LayerOf(Scope scope) {
  switch (scope) {
    case Scope::kServer:
      return Layer::kServer;
    case Scope::kOrganization:
      return Layer::kOrganization;
    case Scope::kTemplate:
      return Layer::kTemplate;
  }
  return Layer::kNone;
}

// What the sandbox itself says.
Result<LayerPolicy> OwnLayer(const control::Network& network) {
  LayerPolicy out{Layer::kSandbox, nullptr, nullptr};
  auto lists = std::make_shared<Document>();
  if (!network.block_all) {
    if (!network.policy.empty()) {
      return policy::ParseLayer(network.policy, "policy", Layer::kSandbox);
    }
    RETURN_IF_ERROR(AddList(*lists, network.domain_allow_list, ""));
    RETURN_IF_ERROR(AddList(*lists, Bracketed(network.allow_list), ":*"));
    if (lists->rules.empty()) return out;
  }
  out.standard = std::move(lists);
  return out;
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

void Egress::UsePolicies(control::Policies& policies, OnChanged on_changed) {
  policies_ = &policies;
  on_changed_ = std::move(on_changed);
  for (const auto& [key, stored] : policies.all()) ReadStored(key, stored.text);
}

void Egress::ReadStored(const PolicyKey& key, const std::string& text) {
  auto layer = policy::ParseLayer(text, "policy", LayerOf(key.scope));
  if (layer) {
    stored_[key] = *std::move(layer);
    return;
  }
  stored_[key] = std::nullopt;
  log::Error("egress.bad_policy", {{"layer", policy::LayerName(LayerOf(key.scope))},
                                   {"name", key.name},
                                   {"error", layer.error().message()}});
}

Result<void> Egress::Check(const control::Network& network) const {
  RETURN_IF_ERROR(OwnLayer(network));
  return Ok();
}

Result<Egress::PolicyPtr> Egress::PolicyFor(const control::Sandbox& sandbox) const {
  std::vector<LayerPolicy> layers = {server_};
  std::vector<PolicyKey> keys = {{Scope::kServer, {}, {}}, {Scope::kOrganization, sandbox.org, {}}};
  // Nobody leaves a template's ceiling by taking a snapshot of what was made from it.
  for (const std::string& name : sandbox.ancestors) {
    if (name != sandbox.snapshot) keys.push_back({Scope::kTemplate, sandbox.org, name});
  }
  keys.push_back({Scope::kTemplate, sandbox.org, sandbox.snapshot});
  for (const PolicyKey& key : keys) {
    const auto it = stored_.find(key);
    if (it == stored_.end()) continue;
    if (!it->second) {
      return Error(Code::kInternal, "the policy of the layer '" +
                                        std::string(policy::LayerName(LayerOf(key.scope))) +
                                        "' cannot be read: set it anew");
    }
    layers.push_back(*it->second);
  }
  ASSIGN_OR_RETURN(LayerPolicy own, OwnLayer(sandbox.network));
  layers.push_back(std::move(own));
  return policy::Policy::Make(std::move(layers));
}

Egress::Held Egress::Make(const control::Sandbox& sandbox) const {
  auto made = PolicyFor(sandbox);
  if (made) return {sandbox, *made, ReadModelGuards(**made)};
  log::Error("egress.bad_policy",
             {{"sandbox", sandbox.id.value}, {"error", made.error().message()}});
  return {sandbox, nullptr, nullptr};
}

void Egress::Set(const control::Sandbox& sandbox) { held_[sandbox.id] = Make(sandbox); }

Egress::PolicyPtr Egress::PolicyOf(const SandboxId& id) const {
  const auto it = held_.find(id);
  return it == held_.end() ? nullptr : it->second.policy;
}

std::optional<bridge::Guards> Egress::GuardsOf(const SandboxId& id) const {
  const auto it = held_.find(id);
  if (it == held_.end() || it->second.policy == nullptr) return std::nullopt;
  return it->second.guards;
}

Result<bridge::Guards> Egress::GuardsOfOrg(const OrgId& org) {
  if (const auto it = of_orgs_.find(org); it != of_orgs_.end()) return it->second;
  control::Sandbox nobody;
  nobody.org = org;
  ASSIGN_OR_RETURN(const PolicyPtr made, PolicyFor(nobody));
  return of_orgs_.emplace(org, ReadModelGuards(*made)).first->second;
}

bool Egress::MayFetch(const SandboxId& id, const http::Url& url) const {
  const PolicyPtr policy = PolicyOf(id);
  if (policy == nullptr || (url.scheme != "http" && url.scheme != "https")) return false;
  return policy->EvaluateTunnel(url.host, url.port).allow;
}

// All are exchanged before anybody is told: nothing is judged half by the old.
void Egress::ApplyToAll() {
  of_orgs_.clear();
  for (auto& [id, held] : held_) held = Make(held.sandbox);
  if (!on_changed_) return;
  for (const auto& [id, held] : held_) on_changed_(id);
}

std::optional<control::StoredPolicy> Egress::Find(const PolicyKey& key) const {
  return policies_->Find(key);
}

async::Task<Result<void>> Egress::Put(PolicyKey key, control::StoredPolicy policy) {
  CO_RETURN_IF_ERROR(policy::ParseLayer(policy.text, "policy", LayerOf(key.scope)));
  CO_RETURN_IF_ERROR(co_await policies_->Put(key, std::move(policy)));
  // Another may have been put meanwhile: what the book has now is what counts.
  if (const auto now = policies_->Find(key)) ReadStored(key, now->text);
  ApplyToAll();
  co_return Ok();
}

async::Task<Result<void>> Egress::Remove(PolicyKey key) {
  CO_RETURN_IF_ERROR(co_await policies_->Remove(key));
  stored_.erase(key);
  ApplyToAll();
  co_return Ok();
}

policy::AddressClass Egress::Classify(const policy::Address& address) const {
  const auto local = gateway::ReadLocalNetworks();
  // As the gateway does, which dials nothing then.
  return local ? policy::Classify(address, *local) : policy::AddressClass::kReserved;
}

}  // namespace cove::front
