#include <algorithm>

#include "async/deadline.h"
#include "control/env.h"
#include "control/impl.h"
#include "control/validate.h"
#include "log/log.h"

namespace cove::control {
namespace {

constexpr seconds kConfigureDeadline{10};
constexpr size_t kSecretsMax = 64;

}  // namespace

Result<void> Sandboxes::Impl::CheckSecrets(const OrgId& org, const SecretMap& secrets,
                                           const EnvMap& env) const {
  if (secrets.size() > kSecretsMax) {
    return Error(Code::kInvalid, "a sandbox has at most 64 secrets");
  }
  EnvMap names;
  for (const auto& [variable, secret] : secrets) names[variable] = "";
  RETURN_IF_ERROR(CheckEnv(names));
  for (const auto& [variable, secret] : secrets) {
    if (env.contains(variable)) {
      return Error(Code::kInvalid, "the variable " + variable + " is in env and in secrets: once");
    }
    if (!deps_.placeholder || !deps_.placeholder(org, secret)) {
      return Error(Code::kInvalid,
                   "there is no secret '" + secret + "': GET /api/secret lists them");
    }
  }
  return Ok();
}

// A secret that is gone leaves its variable out.
Task<Result<void>> Sandboxes::Impl::Configure(EntryPtr entry) {
  EnvMap placeholders;
  for (const auto& [variable, secret] : entry->sandbox.secrets) {
    const auto found =
        deps_.placeholder ? deps_.placeholder(entry->sandbox.org, secret) : std::nullopt;
    if (found) {
      placeholders[variable] = *found;
    } else {
      log::Warn("sandbox.secret_gone", {{"sandbox", entry->sandbox.id.value}, {"secret", secret}});
    }
  }
  const std::string socket = entry->toolbox_socket;
  co_return co_await async::WithDeadline(
      deps_.toolbox->Configure(socket, EnvironmentOf(entry->sandbox, placeholders)),
      Now() + kConfigureDeadline, "setting the environment");
}

Task<Result<Sandbox>> Sandboxes::Impl::SetSecrets(SandboxId id, SecretMap secrets) {
  CO_ASSIGN_OR_RETURN(EntryPtr entry, Look(id));
  const Background<Sandbox> work(tasks_, RunSetSecrets(entry, std::move(secrets)));
  co_return co_await work.Wait();
}

Task<Result<Sandbox>> Sandboxes::Impl::RunSetSecrets(EntryPtr entry, SecretMap secrets) {
  const Turn turn = co_await entry->turnstile.Enter();
  if (entry->gone) co_return Error(Code::kNotFound, "the sandbox has been deleted");
  CO_RETURN_IF_ERROR(CheckSecrets(entry->sandbox.org, secrets, entry->sandbox.env));
  // What is frozen cannot be told.
  if (entry->sandbox.state == State::kPaused) {
    co_return Error(Code::kConflict, "the sandbox is paused: start it first");
  }
  Sandbox next = entry->sandbox;
  next.secrets = std::move(secrets);
  next.updated_at = deps_.wall();
  CO_RETURN_IF_ERROR(co_await Save(entry, std::move(next)));
  CO_RETURN_IF_ERROR(co_await deps_.store->Flush());
  if (entry->attached) {
    deps_.door.update(entry->sandbox);
    CO_RETURN_IF_ERROR(co_await Configure(entry));
  }
  co_return entry->sandbox;
}

Task<Result<Sandbox>> Sandboxes::SetSecrets(SandboxId id, SecretMap secrets) {
  co_return co_await impl_->SetSecrets(std::move(id), std::move(secrets));
}

}  // namespace cove::control
