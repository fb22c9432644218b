#include "front/credential_book.h"

#include <algorithm>

#include "gateway/ssh_agent.h"
#include "log/log.h"
#include "policy/host_name.h"
#include "policy/method.h"
#include "proto/ssh_agent.h"

namespace cove::front {
namespace {

bool Named(const std::vector<std::string>& places, std::string_view place) {
  return places.empty() || std::find(places.begin(), places.end(), place) != places.end();
}

}  // namespace

Result<gateway::Credential> CredentialBook::Compile(const identity::SecretInfo& info) {
  gateway::Credential out;
  out.name = info.name;
  out.placeholder = info.placeholder;
  const identity::SecretBinding& binding = info.binding;
  ASSIGN_OR_RETURN(out.header, gateway::CredentialHeader::Parse(binding.header));
  out.in_header = Named(binding.places, "header");
  out.in_query = Named(binding.places, "query");
  out.in_body = Named(binding.places, "body");
  std::vector<policy::PathPattern> paths;
  for (const std::string& text : binding.paths) {
    auto path = policy::PathPattern::Parse(text);
    if (!path) return std::move(path).error().Wrap("path '" + text + "'");
    paths.push_back(*std::move(path));
  }
  for (const std::string& method : binding.methods) {
    RETURN_IF_ERROR(policy::CheckMethod(method));
  }
  const policy::SharedList<policy::PathPattern> shared(std::move(paths));
  for (const std::string& host : binding.hosts) {
    auto rule = policy::ParseRule(host, policy::Layer::kNone);
    if (!rule) return std::move(rule).error().Wrap("hosts");
    if (rule->network) {
      return Error(Code::kInvalid, "hosts: '" + host + "' is a network; a secret goes by name");
    }
    rule->methods = binding.methods;
    rule->paths = shared;
    out.scope.rules.push_back(*std::move(rule));
  }
  return out;
}

static_assert(gateway::kSshAgentPort == proto::kSshAgentPort);

namespace {

Result<gateway::Credential> CompileWith(const identity::SecretInfo& info, std::string value) {
  ASSIGN_OR_RETURN(gateway::Credential made, CredentialBook::Compile(info));
  if (value.size() < gateway::Credential::kValueBytesMin) {
    return Error(Code::kInvalid,
                 "the value of a secret has at least 8 bytes: a shorter one could not be told from "
                 "other text in what comes back, and so not be hidden");
  }
  if (made.header.kind == gateway::CredentialHeader::Kind::kSsh) {
    RETURN_IF_ERROR(gateway::SshKey::Parse(value));
  }
  made.value = std::move(value);
  return made;
}

}  // namespace

Result<void> CredentialBook::Check(const identity::SecretInfo& info, const std::string& value) {
  RETURN_IF_ERROR(CompileWith(info, value));
  return Ok();
}

std::string CredentialBook::Variable(const identity::SecretInfo& info) {
  const auto header = gateway::CredentialHeader::Parse(info.binding.header);
  const bool ssh = header && header->kind == gateway::CredentialHeader::Kind::kSsh;
  return ssh ? std::string(proto::kSshAgentSocket) : info.placeholder;
}

std::shared_ptr<const gateway::Vault> CredentialBook::VaultOf(const OrgId& org) {
  auto& vault = vaults_[org];
  if (vault != nullptr) return vault;
  auto made = std::make_shared<gateway::Vault>();
  for (identity::Secrets::WithValue& secret : secrets_.AllOf(org)) {
    auto credential = CompileWith(secret.info, std::move(secret.value));
    if (!credential) {
      log::Error("secret.unusable",
                 {{"secret", secret.info.name}, {"error", credential.error().message()}});
      continue;
    }
    (*made)[secret.info.name] = std::make_shared<const gateway::Credential>(*std::move(credential));
  }
  vault = std::move(made);
  return vault;
}

void CredentialBook::Set(const control::Sandbox& sandbox) {
  Box box;
  box.org = sandbox.org;
  for (const auto& [env, name] : sandbox.secrets) box.attached.push_back(name);
  box.credentials = std::make_shared<gateway::Credentials>(VaultOf(box.org), box.attached);
  boxes_[sandbox.id] = std::move(box);
}

void CredentialBook::Refresh(const OrgId& org) {
  vaults_.erase(org);
  for (auto& [id, box] : boxes_) {
    if (box.org != org) continue;
    box.credentials = std::make_shared<gateway::Credentials>(VaultOf(org), box.attached);
  }
}

bool CredentialBook::HasFor(const control::Sandbox& sandbox, std::string_view host, uint16_t port) {
  const auto name = policy::CanonicalHost(host);
  if (!name) return false;
  std::vector<std::string> attached;
  for (const auto& [env, secret] : sandbox.secrets) attached.push_back(secret);
  return gateway::Credentials(VaultOf(sandbox.org), std::move(attached)).Concern(*name, port);
}

std::shared_ptr<const gateway::Credentials> CredentialBook::Of(const SandboxId& id) const {
  const auto it = boxes_.find(id);
  return it == boxes_.end() ? nullptr : it->second.credentials;
}

}  // namespace cove::front
