// CredentialBook: which secrets hold for which sandbox, in the gateway's form.
//
// A change of a secret is in force for the next request of every sandbox. A secret that cannot be
// brought into that form is none. Thread: loop-confined. The secrets must outlive it.
#pragma once

#include <unordered_map>

#include "control/sandbox.h"
#include "gateway/credentials.h"
#include "identity/secrets.h"

namespace cove::front {

class CredentialBook {
 public:
  explicit CredentialBook(const identity::Secrets& secrets) : secrets_(secrets) {}

  // kInvalid says what is wrong with a host, method, path or header.
  static Result<gateway::Credential> Compile(const identity::SecretInfo& info);
  // The same, and the value must be of the kind that the header says.
  static Result<void> Check(const identity::SecretInfo& info, const std::string& value);
  // What a sandbox has in the variable of that secret: its placeholder, or, for an SSH key, where
  // the agent is.
  static std::string Variable(const identity::SecretInfo& info);

  void Set(const control::Sandbox& sandbox);
  void Forget(const SandboxId& id) { boxes_.erase(id); }
  // The secrets of `org` have changed.
  void Refresh(const OrgId& org);
  std::shared_ptr<const gateway::Credentials> Of(const SandboxId& id) const;
  // Whether the gateway would open TLS to there for the sake of a secret; of a stopped one too.
  bool HasFor(const control::Sandbox& sandbox, std::string_view host, uint16_t port);

 private:
  struct Box {
    OrgId org;
    std::vector<std::string> attached;
    std::shared_ptr<const gateway::Credentials> credentials;
  };
  std::shared_ptr<const gateway::Vault> VaultOf(const OrgId& org);

  const identity::Secrets& secrets_;
  std::unordered_map<OrgId, std::shared_ptr<const gateway::Vault>> vaults_;
  std::unordered_map<SandboxId, Box> boxes_;
};

}  // namespace cove::front
