// TCP ports that something in the sandbox listens on, and connections to them.
// Sources: proc(5), /proc/net/tcp and tcp6. Thread: loop-confined.
#pragma once

#include "toolbox/operations.h"

namespace cove::toolbox {

inline constexpr milliseconds kPortPollInterval{200};

// Adds the listening sockets of one file of /proc/net to `ports`; Cove's own listeners on loopback
// are left out. Pure.
void ParseListeners(std::string_view table, std::vector<proto::toolbox::PortInfo>* ports);
// Sorted by port, each once.
std::vector<proto::toolbox::PortInfo> ListPorts();

Task<Result<void>> WatchPorts(SharedChannel& channel);
Task<Result<void>> ConnectPort(const Shared& shared, SharedChannel& channel, uint16_t port);

}  // namespace cove::toolbox
