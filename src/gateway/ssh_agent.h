// An SSH agent outside the sandbox, for one connection to it.
//
// Concept: a program inside asks for signatures; the keys are secrets and stay here. A signature is
// made only for logging in as the user that the secret names, on a host that has proved, in this
// very session, that it holds the host key that the secret names: the client passes on the host's
// signature over the session's id (session-bind@openssh.com), and what is to be signed must be a
// login request of that session. So a signature is worth nothing to any other host, whatever runs
// inside. Forwarded sessions get none. What the host lets that key do is the host's to say: give a
// repository a deploy key of its own.
// Sources: draft-ietf-sshm-ssh-agent; OpenSSH's PROTOCOL.agent; RFC 4252 section 7.
// Thread: loop-confined.
#pragma once

#include <set>

#include "gateway/box.h"
#include "gateway/ssh_key.h"

namespace cove::gateway {

// Where `cove-toolbox` brings the connections of programs inside: this port of models.cove.
using policy::kSshAgentPort;

struct SshIdentity {
  std::string secret;  // its name
  std::string host;    // for the audit
  std::string user;
  std::string host_key;  // public blob
  SshKey key;
  bool spoken_to = false;  // the sandbox has a connection to that host
};

class SshAgent {
 public:
  struct Answer {
    std::string reply;  // without its length
    // Of a request for a signature: the identity that signed, or why none did.
    const SshIdentity* signer = nullptr;
    std::string refused;
  };
  // `request` without its length. `identities` are those of now and must outlive the answer.
  Answer Handle(std::string_view request, const std::vector<SshIdentity>& identities);

 private:
  std::string Bind(std::string_view body);
  Answer Sign(std::string_view body, const std::vector<SshIdentity>& identities) const;

  std::string host_key_;  // of the session that this connection is bound to
  std::string session_;
  bool closed_ = false;  // bound to a forwarded session, or wrongly
};

// The SSH keys among a sandbox's secrets. `open_to`: the hosts that it has connections to now; a
// session with any other host is somebody else's.
std::vector<SshIdentity> SshIdentitiesOf(const Credentials& credentials,
                                         const std::multiset<std::string>& open_to);

// Serves one connection until it ends.
Task<void> ServeSshAgent(Box& box, net::StreamPtr client);

}  // namespace cove::gateway
