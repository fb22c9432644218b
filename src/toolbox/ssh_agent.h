// The inside end of the SSH agent that is outside (proto/ssh_agent.h): a socket that SSH programs
// know how to speak to, and the way from there to the front. Thread: loop-confined.
#pragma once

#include "net/socket.h"
#include "toolbox/operations.h"

namespace cove::toolbox {

// Whether the sandbox's environment says that there is one.
bool WantsSshAgent(const Shared& shared);
Result<UniqueFd> ListenForSshAgent();
// Until the listener breaks.
Task<void> ServeSshAgent(UniqueFd listener);

}  // namespace cove::toolbox
