// What the kernel holds for sockets, beside what it counts for control groups.
//
// What has come for a TCP connection belongs to no control group until somebody accepts it
// (net/ipv4/inet_connection_sock.c, inet_csk_accept()), and stays when the other end has gone: who
// listens and never accepts holds memory that no limit knows of.
// Sources: sock_diag(7), linux/inet_diag.h, network_namespaces(7), proc(5). Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

// Of TCP and UDP, of the whole machine. Each processor may have up to 1 MiB more or less at hand.
Result<uint64_t> SocketBytesOfMachine();

// The network namespaces in which these processes are, each once; not the caller's own. A process
// that has ended meanwhile is passed over; another may have its number by then, so the caller asks
// again whose these are.
struct Network {
  UniqueFd fd;
  pid_t pid = 0;  // who was found in it
};
std::vector<Network> NetworksOf(std::span<const pid_t> pids);

// Of the TCP connections of a network namespace that nobody has accepted. The calling thread is in
// that namespace for a moment. kNotFound: the kernel has no sock_diag.
Result<uint64_t> UnacceptedBytes(int network_namespace);

}  // namespace cove::sys
