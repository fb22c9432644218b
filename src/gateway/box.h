// What the gateway keeps for one attached sandbox, shared by its DNS and its connections.
// Thread: loop-confined.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "async/task_group.h"
#include "gateway/deps.h"
#include "gateway/flows.h"
#include "gateway/load.h"
#include "gateway/stand_ins.h"
#include "gateway/throttle.h"
#include "gateway/usage.h"

namespace cove::gateway {

inline constexpr uint16_t kHttpPort = 80;
inline constexpr uint16_t kHttpsPort = 443;
// RowFilter's key for connections that were one too many.
inline constexpr char kTurnedAwayKey[] = "connections";

struct Box {
  Box(const Deps& d, Load& l, SandboxId i, std::string u, uint16_t port)
      : deps(d), load(l), id(std::move(i)), user(std::move(u)), tcp_port(port) {
    if (deps.authority != nullptr) certificates.emplace(*deps.authority, id.value);
  }
  // What was denied and is in no row yet is told in a last one.
  ~Box();
  Box(const Box&) = delete;

  const Deps& deps;
  Load& load;
  const SandboxId id;
  const std::string user;  // who made the sandbox; for the audit
  const uint16_t tcp_port;
  StandIns stand_ins;
  Flows flows;
  Usage usage;
  RowFilter rows;
  RateLimit dns_rate{1000, 2000};
  RateLimit look_ups{10, 100};  // that only addresses decide
  size_t connections = 0;       // that are served
  size_t turned_away = 0;       // that are being told that they are one too many
  size_t streams = 0;    // of HTTP/2, refused ones too: each holds a head and a body's window
  size_t upstreams = 0;  // sockets of HTTP clients, idle ones too
  std::multiset<std::string> open_to;               // hosts of tunnels
  size_t resolving = 0;                             // names
  async::Event resolved;                            // notified when one of them is done
  std::optional<SandboxCertificates> certificates;  // none: TLS is not opened

  std::shared_ptr<const policy::Policy> Policy() const { return deps.policy(id); }
  // A record that says whose it is.
  audit::Record NewRecord(std::string channel) const;
  std::shared_ptr<const Credentials> Secrets() const {
    return deps.credentials ? deps.credentials(id) : nullptr;
  }
  // Whether TLS to there has to be opened for the sake of a secret.
  bool HasSecretFor(std::string_view host, uint16_t port) const {
    const auto secrets = Secrets();
    return secrets != nullptr && secrets->Concern(host, port);
  }
  // Records a denial soon; nobody waits for it, because nothing follows from it. `key`: see
  // RowFilter.
  void Denied(audit::Record record, policy::Reason reason, const std::string& key = {});

  async::TaskGroup resolutions;
};

}  // namespace cove::gateway
