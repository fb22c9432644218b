// Where programs in a sandbox find the SSH agent that is outside.
//
// The toolbox listens on kSshAgentSocket once the environment has it as the value of SSH_AUTH_SOCK,
// and brings each connection to kSshAgentAddress:kSshAgentPort, which the network inside sends to
// the front (that address is models.cove's). Who gets there by himself gains nothing.
#pragma once

#include <cstdint>

namespace cove::proto {

inline constexpr char kSshAgentSocket[] = "/tmp/.cove-ssh-agent.sock";
inline constexpr char kSshAgentAddress[] = "33.33.0.1";
inline constexpr uint16_t kSshAgentPort = 22;

}  // namespace cove::proto
