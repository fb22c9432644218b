// The door out: DNS and transparent TCP for every attached sandbox.
//
// Concept: a sandbox's network namespace leads nowhere but to four sockets, which the runner opened
// inside it and passed here. Which sandbox speaks is known by the socket it speaks on, so there is
// nothing to present and nothing to forge. Everything is denied unless the policy allows it, by
// name; what is allowed is recorded before it is done (audit), resolved here, checked and dialled
// from here. docs/reference/gateway/README.md tells what a program inside sees.
//
// Limits: see Limits (deps.h). Fail closed: no policy, no audit, no list of local networks, no
// descriptor: no connection.
// Thread: loop-confined.
#pragma once

#include <unordered_map>

#include "gateway/box.h"

namespace cove::gateway {

class Gateway {
 public:
  explicit Gateway(Deps deps);
  ~Gateway();
  Gateway(const Gateway&) = delete;

  // Takes the sandbox's sockets: TCP v4, TCP v6, DNS UDP, DNS TCP (proto/runner.h). kInvalid: not
  // these four. kConflict: attached already. `user` is who made it, for the audit.
  Result<void> Attach(SandboxId id, std::string user, std::vector<UniqueFd> sockets,
                      uint16_t tcp_port);
  // Closes the sockets and resets every connection of the sandbox. Nothing if not attached. Must
  // not be called from one of the sandbox's own tasks (the model handler).
  void Detach(const SandboxId& id);
  // All of them: the process is about to end.
  void DetachAll();

  // What Deps::policy gives for this sandbox is another from now on: every established flow is
  // judged anew, and cut if it would not be allowed any more. Nothing if not attached.
  void PolicyChanged(const SandboxId& id);

  bool attached(const SandboxId& id) const { return boxes_.contains(id); }
  size_t connections() const { return load_.connections; }

 private:
  struct Attached;
  using Serve = Task<void> (*)(Box& box, UniqueFd connection);
  // `turn_away` is for those that are too many; null: they are reset.
  Task<void> AcceptAll(Attached* attached, UniqueFd listener, Serve serve, Serve turn_away);
  // How one that was just accepted is served, or null, and what it counts on.
  Serve Admit(Attached* attached, Serve serve, Serve turn_away, std::shared_ptr<void>* place);
  Task<void> ServeUdp(Attached* attached, UniqueFd socket);
  static Task<void> ServeOne(Attached* attached, UniqueFd connection, std::shared_ptr<void> place,
                             Serve serve);
  void Broken(const SandboxId& id);

  Deps deps_;
  Load load_;
  size_t turned_away_ = 0;           // not among load_.connections
  std::shared_ptr<Gateway*> alive_;  // outlives this in posted calls; null then
  std::unordered_map<SandboxId, std::unique_ptr<Attached>> boxes_;
};

}  // namespace cove::gateway
