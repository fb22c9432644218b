// What the gateway is given by whoever wires it. Everything here must outlive the Gateway.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/offload.h"
#include "audit/log.h"
#include "base/strong_id.h"
#include "gateway/authority.h"
#include "gateway/credentials.h"
#include "gateway/destination.h"
#include "http/server.h"
#include "policy/policy.h"

namespace cove::gateway {

using async::Task;

// The addresses of a canonical name, for a port. Only names that a rule allows are ever asked for.
using Resolver =
    std::function<Task<Result<std::vector<net::SocketAddress>>>(std::string host, uint16_t port)>;

struct Limits {
  // 0: what the process's descriptors allow, after keeping kDescriptorsReserved for others.
  size_t connections_max = 0;
  size_t connections_per_sandbox_max = 512;
  // One too many is told so, if it speaks HTTP; as many at a time, for as long. Others are reset.
  size_t turned_away_max = 64;
  size_t turned_away_per_sandbox_max = 16;
  Duration turn_away_timeout = seconds(5);
  Duration hello_timeout = seconds(15);     // until the client has said its name
  Duration quiet_wait = milliseconds(400);  // then the server may be the one who speaks first
  Duration resolve_timeout = seconds(15);
  Duration dial_timeout = seconds(15);  // all addresses together
  Duration dial_attempt_timeout = seconds(5);
  Duration tunnel_idle_timeout = seconds(2 * 60 * 60);
  Duration response_head_timeout = seconds(300);
};
inline constexpr size_t kDescriptorsReserved = 1024;

struct Deps {
  // The policy in force now; null when it cannot be read, which denies.
  std::function<std::shared_ptr<const policy::Policy>(const SandboxId&)> policy;
  audit::Log* audit = nullptr;
  // For getaddrinfo: not the audit's pool, names can take long.
  async::ThreadPool* resolver_pool = nullptr;
  Resolver resolver;  // empty: net::Resolve on resolver_pool
  // Signs what sandboxes are shown where TLS is opened; null: it never is.
  const Authority* authority = nullptr;
  // The secrets that a sandbox's requests may carry now; empty, or null for a sandbox: none.
  std::function<std::shared_ptr<const Credentials>(const SandboxId&)> credentials;
  // Trust towards the servers behind such connections. Set where `authority` is.
  std::shared_ptr<net::TlsContext> upstream_tls;
  // Answers requests to http://models.cove. The exchange lives until the task ends.
  std::function<Task<void>(SandboxId, http::Exchange&)> model;
  // A listening socket of the sandbox broke and was closed: ask the runner for new ones, then
  // Detach and Attach. Called from the loop, outside the sandbox's tasks.
  std::function<void(const SandboxId&)> on_broken;

  // Replaced by tests; empty: the real ones.
  std::function<Result<Destination>(int fd)> destination;
  std::function<Result<policy::LocalNetworks>()> local_networks;
  Limits limits;
};

}  // namespace cove::gateway
